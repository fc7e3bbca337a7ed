//! A started executor.

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result, Seconds};
use crate::output::Log;
use crate::resources::ports;
use crate::server::Server;
use crate::supervisor::{Request, State};
use crate::sys;
use crate::types::Exit;
use crate::types::Signal;

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
    server: Server,
    /// Whether the caller was told how the process ended.
    is_settled: bool,
    /// Whether somebody else shows the output of a test that fails.
    is_leased: bool,
}

impl Process {
    pub(crate) fn new(server: Server) -> Self {
        Self { server, is_settled: false, is_leased: false }
    }

    /// Returns what messages call the process.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.server.plan.name
    }

    /// Returns the id of the main process; after a launcher has left a daemon, that of the daemon.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.state().main as u32
    }

    /// Returns the port that `{port}` stands for.
    ///
    /// # Panics
    ///
    /// Nothing in the executor mentions `{port}`, or what the process has told is not the number of one.
    #[must_use]
    #[track_caller]
    pub fn port(&self) -> u16 {
        match self.server.plan.values.port("") {
            Some(port) => port,
            None => panic!(
                "{} has no {{port}}: nothing in its executor mentions it, and it has told no number",
                self.name()
            ),
        }
    }

    /// Returns the port that `{port:name}` stands for.
    ///
    /// # Panics
    ///
    /// Nothing in the executor mentions `{port:name}`, or what the process has told is not the number of
    /// one.
    #[must_use]
    #[track_caller]
    pub fn port_named(&self, name: &str) -> u16 {
        match self.server.plan.values.port(name) {
            Some(port) => port,
            None => panic!(
                "{} has no {{port:{name}}}: nothing in its executor mentions it, and it has told no number",
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
        self.server.found.addr.unwrap_or_else(|| ports::loopback(self.port()))
    }

    /// Returns the URL that answered, with the address that answered in the place of the host. One
    /// on a Unix socket is as it was written, with values in the place of placeholders.
    ///
    /// # Panics
    ///
    /// The executor waits for no URL.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        match &self.server.found.url {
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
        match self.server.plan.values.dir() {
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
        self.server.plan.values.render(text)
    }

    /// Whether anything of the process is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.server.state().is_running()
    }

    /// Returns how the process ended, if it has.
    #[must_use]
    pub fn exit_status(&self) -> Option<Exit> {
        self.server.state().ended()
    }

    /// Returns the output of the process.
    #[must_use]
    pub fn log(&self) -> Log {
        self.server.log()
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
        self.stop_with(self.server.plan.stop_signal)
    }

    /// Stops the process with another signal.
    ///
    /// # Errors
    ///
    /// The same as those of [`stop`](Process::stop).
    pub fn stop_with(&mut self, signal: Signal) -> Result<Exit> {
        check(signal)?;
        let exit = self.end(Request::Stop(signal.number()))?;
        // Its children may have outlived a main process that crashed.
        let exit = self.server.crash().unwrap_or(exit);
        let was_settled = std::mem::replace(&mut self.is_settled, true);
        if was_settled || exit.is_expected(self.server.plan.expect_exit, signal) {
            return Ok(exit);
        }
        let what = format!("{exit}, which was not expected");
        let error = self.server.failed(ErrorKind::UnexpectedExit, &what);
        let code = exit.code().or_else(|| Some(-exit.signal()?.number())).unwrap_or_default();
        let help = format!("if that is how it is to end, say `expect_exit({code})`");
        Err(error.or_help(help).with_report(|report| report.exit = Some(exit)))
    }

    /// Kills the process and everything that it has spawned. However it ends is no error.
    ///
    /// # Errors
    ///
    /// The system does not let it end.
    pub fn kill(&mut self) -> Result<Exit> {
        let exit = self.end(Request::Kill(self.server.plan.kill_signal.number()))?;
        self.is_settled = true;
        Ok(exit)
    }

    fn end(&mut self, request: Request) -> Result<Exit> {
        // That nobody writes to it any more is what some programs wait for.
        self.server.stdin = None;
        self.server.end(request)
    }

    /// Checks that nothing of the process is running: neither below its supervisor, nor elsewhere
    /// with the mark that it and all that it has spawned were given in their environment.
    ///
    /// A process that was stopped has been reaped to the last of its children, so this is an
    /// independent look at the same thing.
    ///
    /// # Errors
    ///
    /// [`Leak`](ErrorKind::Leak), with the ids and commands of what is running.
    ///
    /// # Platform notes
    ///
    /// Elsewhere than on Linux this only looks whether the process is [`is_running`](Self::is_running).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::shell("sleep 60 & setsid sleep 60 & wait").start()?;
    /// server.stop()?;
    /// server.leak_check()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn leak_check(&self) -> Result<()> {
        self.server.leak_check()
    }

    /// Stops the process, if it runs, and starts it again with the same ports and folder.
    ///
    /// # Errors
    ///
    /// The same as those of [`Executor::start`](crate::Executor::start). The process is then not
    /// running.
    pub fn restart(&mut self) -> Result<()> {
        let _ = self.stop(); // Whoever restarts a process does not ask how it ended.
        self.server.start_again()?;
        self.is_settled = false;
        Ok(())
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
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").start()?;
    /// let answer = server.stopped(|| "nobody is there")?;
    /// assert!(server.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
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
    /// The process has ended, or there is no such signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        check(signal)?;
        self.server.request(Request::Signal(signal.number()))
    }

    /// Pauses the process and everything that it has spawned, and returns when all of it stands
    /// still.
    ///
    /// # Errors
    ///
    /// The process has ended, or keeps spawning others for longer than its time to stop.
    ///
    /// # Platform notes
    ///
    /// Elsewhere than on Linux it may run on for a moment.
    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    /// Lets a paused process go on.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub fn resume(&mut self) -> Result<()> {
        self.server.request(Request::Resume)
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if it is still running after this time. It goes on running.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Exit> {
        let deadline = sys::deadline_after(timeout);
        let state = self.server.wait(deadline);
        state.as_ref().and_then(State::ended).ok_or_else(|| {
            let what = format!("has not ended within {}", Seconds(timeout));
            self.server.failed(ErrorKind::Timeout, &what)
        })
    }

    /// Takes what writes to the standard input of the process, which reads its end of file when
    /// this is dropped. There is none unless the executor asks for [`Stdin::Piped`](crate::Stdin),
    /// or after it was taken.
    pub fn take_stdin(&mut self) -> Option<File> {
        self.server.stdin.take()
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// The process belongs to a lease, or to a test whose processes are shown together.
    pub(crate) fn leased(mut self) -> Self {
        self.is_leased = true;
        self
    }
}

fn check(signal: Signal) -> Result<()> {
    if signal.is_valid() {
        return Ok(());
    }
    Err(Error::invalid(format!("{} is not the number of a signal", signal.number())))
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.is_leased {
            self.server.show_output();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.server.state().to_string();
        f.debug_struct("Process").field("name", &self.name()).field("state", &state).finish()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Process>();
};
