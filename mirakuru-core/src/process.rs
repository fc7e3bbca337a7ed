//! A started executor.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;

use crate::error::{Error, ErrorKind, Result, Seconds};
use crate::exit::Exit;
use crate::log::Log;
use crate::plan::Plan;
use crate::port;
use crate::probe::{Conditions, Found};
use crate::signal::Signal;
use crate::supervisor::{Client, Phase, Request, State};
use crate::sys;

/// How much longer than its time limit a stop may take until the supervisor counts as stuck.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How many lines of a server's output a failing test shows.
const LINES_SHOWN: usize = 50;

/// A started [`Executor`](crate::Executor), with everything that it has spawned.
///
/// It runs as long as anything of it does: a launcher that exits and leaves a daemon behind is
/// running as long as the daemon is.
///
/// # Drop behavior
///
/// Dropping a process stops it as [`stop`](Process::stop) does, and does not report how it ended.
/// A dropping thread that panics prints the last lines of the output.
pub struct Process {
    client: Arc<Client>,
    plan: Plan,
    found: Found,
    stdin: Option<File>,
    /// Whether the caller was told how the process ended.
    is_settled: bool,
}

impl Process {
    pub(crate) fn start(plan: Plan, holds: Vec<OwnedFd>) -> Result<Self> {
        let mut conditions = plan.conditions()?;
        conditions.check_before_start().map_err(|error| error.about(&plan.name))?;
        let client = plan.launch(holds)?;
        let mut process =
            Self { client, plan, found: Found::default(), stdin: None, is_settled: false };
        process.bring_up(conditions)?;
        Ok(process)
    }

    /// Starts the server below the supervisor and waits until it is ready.
    fn bring_up(&mut self, conditions: Conditions) -> Result<()> {
        let began = Instant::now();
        let (read, write) = self.plan.stdin()?;
        self.stdin = write;
        self.is_settled = false;
        let deadline = began + self.plan.timeout;
        let state = self.client.start(read, deadline);
        let state = state.map_err(|e| Error::os("the supervisor does not answer", e))?;
        match state.phase {
            Phase::Failed(errno) => return Err(self.explain(self.plan.cannot_run(errno))),
            Phase::Lost => {
                let what = format!("the supervisor of {} was killed", self.name());
                return Err(self.explain(Error::new(ErrorKind::Exited, what)));
            }
            _ => {}
        }
        match conditions.wait(&self.plan.values, &self.client, began, self.plan.timeout) {
            Ok(found) => self.found = found,
            Err(error) => {
                let error = self.explain(error.about(self.name()));
                let _ = self.kill(); // The reason is in the error already.
                return Err(error);
            }
        }
        tracing::info!(
            name = self.name(), pid = self.pid(), elapsed = ?began.elapsed(), "started"
        );
        Ok(())
    }

    /// Adds to an error what is known of the process.
    fn explain(&self, error: Error) -> Error {
        let state = self.client.state();
        error.with_report(|report| {
            report.command = Some(self.plan.command_line());
            report.state = Some(describe(&state));
            report.output = Some(self.plan.files.tail());
            report.exit = report.exit.or(state.exit);
        })
    }

    /// Returns what messages call the process.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// Returns the id of the main process; after a launcher has left a daemon, that of the daemon.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.client.state().main.cast_unsigned()
    }

    /// Returns the port that `{port}` stands for.
    ///
    /// # Panics
    ///
    /// Nothing in the executor mentions `{port}`.
    #[must_use]
    #[track_caller]
    pub fn port(&self) -> u16 {
        match self.plan.values.port("") {
            Some(port) => port,
            None => panic!("{} has no {{port}}: nothing in its executor mentions it", self.name()),
        }
    }

    /// Returns the port that `{port:name}` stands for.
    ///
    /// # Panics
    ///
    /// Nothing in the executor mentions `{port:name}`.
    #[must_use]
    #[track_caller]
    pub fn port_named(&self, name: &str) -> u16 {
        match self.plan.values.port(name) {
            Some(port) => port,
            None => panic!(
                "{} has no {{port:{name}}}: nothing in its executor mentions it",
                self.name()
            ),
        }
    }

    /// Returns the address that answered, or else `127.0.0.1` with the port that `{port}` stands
    /// for.
    ///
    /// # Panics
    ///
    /// The executor waits for no address, and nothing in it mentions `{port}`.
    #[must_use]
    #[track_caller]
    pub fn addr(&self) -> SocketAddr {
        self.found.addr.unwrap_or_else(|| port::loopback(self.port()))
    }

    /// Returns the URL that answered, with the address that answered in the place of the host.
    ///
    /// # Panics
    ///
    /// The executor waits for no URL.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        match &self.found.url {
            Some(url) => url.clone(),
            None => panic!("{} has no URL: its executor waits for none", self.name()),
        }
    }

    /// Returns the folder that `{dir}` stands for.
    ///
    /// # Panics
    ///
    /// Nothing in the executor mentions `{dir}`.
    #[must_use]
    #[track_caller]
    pub fn dir(&self) -> &Path {
        match self.plan.values.dir() {
            Some(dir) => dir,
            None => panic!("{} has no {{dir}}: nothing in its executor mentions it", self.name()),
        }
    }

    /// Puts the values of this process in the place of placeholders.
    ///
    /// # Errors
    ///
    /// The text has a placeholder that is unknown or that this process has no value for.
    pub fn render(&self, text: &str) -> Result<String> {
        self.plan.values.render(text)
    }

    /// Whether anything of the process is running.
    #[must_use]
    pub fn running(&self) -> bool {
        self.client.state().is_running()
    }

    /// Returns how the process ended, if it has.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        ended(&self.client.state())
    }

    /// Returns the output of the process.
    #[must_use]
    pub fn log(&self) -> Log {
        self.plan.files.log(Arc::downgrade(&self.client))
    }

    /// Stops the process with its stop signal: the main process first, then what it leaves. When
    /// the time to stop is over, everything that is left is killed.
    ///
    /// Stopping a process that has been stopped does nothing and gives the same answer.
    ///
    /// # Errors
    ///
    /// [`UnexpectedExit`](ErrorKind::UnexpectedExit) if it ended, now or before, in a way that was
    /// not [expected](crate::Executor::expect_exit). It is reported once.
    pub fn stop(&mut self) -> Result<Exit> {
        self.stop_with(self.plan.stop_signal)
    }

    /// Stops the process with another signal.
    ///
    /// # Errors
    ///
    /// The same as those of [`stop`](Process::stop).
    pub fn stop_with(&mut self, signal: Signal) -> Result<Exit> {
        let exit = self.end(Request::Stop(signal.number()))?;
        let was_settled = std::mem::replace(&mut self.is_settled, true);
        if was_settled || exit.is_expected(self.plan.expect_exit, signal) {
            return Ok(exit);
        }
        let what = format!("{} {exit}, which was not expected", self.name());
        let error = Error::new(ErrorKind::UnexpectedExit, what);
        Err(self.explain(error.with_report(|report| report.exit = Some(exit))))
    }

    /// Kills the process and everything that it has spawned. However it ends is no error.
    ///
    /// # Errors
    ///
    /// The system does not let it end.
    pub fn kill(&mut self) -> Result<Exit> {
        let exit = self.end(Request::Kill(self.plan.kill_signal.number()))?;
        self.is_settled = true;
        Ok(exit)
    }

    /// Brings the process to its end, if it has not come to it.
    fn end(&mut self, request: Request) -> Result<Exit> {
        // A writer that is gone is what some programs wait for.
        self.stdin = None;
        let mut state = self.client.state();
        if state.is_running() {
            let _ = self.client.request(request); // If nobody hears it, the wait ends by that.
            let deadline = Instant::now() + self.plan.stop_timeout + STOP_GRACE;
            state = self.client.wait(deadline, |state| !state.is_running()).ok_or_else(|| {
                let what = format!("{} does not end, even killed", self.name());
                self.explain(Error::new(ErrorKind::Os, what))
            })?;
            tracing::info!(name = self.name(), exit = ?state.exit, "stopped");
        }
        // Without a supervisor, the kernel has killed the process.
        let killed = Exit::new(ExitStatus::from_raw(libc::SIGKILL));
        Ok(ended(&state).unwrap_or(killed))
    }

    /// Stops the process, if it runs, and starts it again with the same ports and folder.
    ///
    /// # Errors
    ///
    /// The same as those of [`Executor::start`](crate::Executor::start). The process is then not
    /// running.
    pub fn restart(&mut self) -> Result<()> {
        let _ = self.stop(); // Whoever restarts a process does not ask how it ended.
        let mut conditions = self.plan.conditions()?;
        conditions.check_before_start().map_err(|error| error.about(self.name()))?;
        if self.client.state().phase == Phase::Lost {
            self.client = self.plan.launch(self.plan.values.hold_again())?;
        }
        self.bring_up(conditions)
    }

    /// Stops the process, runs `body`, and starts the process again with the same ports, also
    /// when `body` panics.
    ///
    /// # Errors
    ///
    /// The process ended in a way that was not expected (`body` is not run then), or does not
    /// start again.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Result};
    /// let mut server = Executor::new("sleep 60").start()?;
    /// let answer = server.stopped(|| "nobody is there")?;
    /// assert!(server.running());
    /// # Result::Ok(())
    /// ```
    pub fn stopped<R>(&mut self, body: impl FnOnce() -> R) -> Result<R> {
        let stopped = self.stop();
        let outcome = stopped.map(|_| panic::catch_unwind(AssertUnwindSafe(body)));
        let started = self.restart();
        match outcome {
            Ok(Err(panicked)) => panic::resume_unwind(panicked),
            Ok(Ok(value)) => started.map(|()| value),
            Err(error) => Err(error),
        }
    }

    /// Sends a signal to the main process.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.request(Request::Signal(signal.number()))
    }

    /// Pauses the process and everything that it has spawned.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn pause(&mut self) -> Result<()> {
        self.request(Request::Pause)
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn resume(&mut self) -> Result<()> {
        self.request(Request::Resume)
    }

    fn request(&mut self, request: Request) -> Result<()> {
        if !self.running() {
            let what = format!("{} has ended", self.name());
            return Err(self.explain(Error::new(ErrorKind::Exited, what)));
        }
        self.client.request(request).map_err(|e| Error::os("the supervisor is gone", e))
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if it is still running after this time. It goes on running.
    pub fn wait(&mut self, timeout: Duration) -> Result<Exit> {
        let deadline = sys::deadline_after(timeout);
        let state = self.client.wait(deadline, |state| !state.is_running());
        match state.as_ref().and_then(ended) {
            Some(exit) => Ok(exit),
            None => {
                let what = format!("{} has not ended within {}", self.name(), Seconds(timeout));
                Err(self.explain(Error::new(ErrorKind::Timeout, what)))
            }
        }
    }

    /// Takes what writes to the standard input of the process, which reads its end of file when
    /// this is dropped. There is none unless the executor asks for [`Input::Piped`](crate::Input),
    /// or after it was taken.
    pub fn stdin(&mut self) -> Option<File> {
        self.stdin.take()
    }

    /// A lease begins on the calling thread.
    pub(crate) fn begin_lease(&self) {
        self.plan.files.begin_lease();
    }

    /// A lease ends. A test that fails shows what the process wrote meanwhile.
    pub(crate) fn end_lease(&self) {
        if std::thread::panicking() {
            self.show_output();
        }
        self.plan.files.end_lease();
    }

    /// Prints the state and the last lines to where the calling test prints.
    pub(crate) fn show_output(&self) {
        let state = describe(&self.client.state());
        eprintln!("--- {}: {state}, {}", self.name(), self.log().excerpt(LINES_SHOWN));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show_output();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = describe(&self.client.state());
        f.debug_struct("Process").field("name", &self.name()).field("state", &state).finish()
    }
}

fn ended(state: &State) -> Option<Exit> {
    state.exit.filter(|_| state.phase == Phase::Ended)
}

fn describe(state: &State) -> String {
    match (state.phase, state.exit) {
        (Phase::Running, None) => format!("running as pid {}", state.main),
        (Phase::Running, Some(exit)) => format!("{exit}, but left others running"),
        (Phase::Ended, Some(exit)) => exit.to_string(),
        (Phase::Lost, _) => "gone, because its supervisor was killed".to_owned(),
        _ => "not started".to_owned(),
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Process>();
};
