//! A started executor.

mod after_ready;
mod needs;
mod stop;
mod stop_async;

use std::fmt;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostics::time_limit::{Limit, multiplied};
use crate::error::{Error, ErrorKind, Result, or_panic};
use crate::output::Log;
use crate::server::Server;
use crate::server::failure_report::{FailureReport, ServerView};
use crate::supervisor::{Request, State};
use crate::sys;
use crate::types::{Exit, Signal};

pub(crate) use after_ready::AfterReady;
pub(crate) use needs::{NeedLease, NeedLeases};

/// A started [`Executor`](crate::Executor), with everything that it has spawned.
///
/// It runs as long as any of its processes does: a launcher that exits and leaves a daemon behind is
/// running as long as the daemon is.
///
/// # Drop behavior
///
/// Dropping a process stops it as [`stop`](Process::stop) does, and ignores how it ended. If the
/// thread panics, the state and the last lines of output are printed.
///
/// In an async runtime of one thread, that blocks the tasks that are connected to the process: await
/// [`stop_async`](Process::stop_async) before. The attribute does better for an async test that has
/// the process to itself: dropping it begins the stop and does not wait for its end.
pub struct Process {
    server: Server,
    after_ready: Vec<AfterReady>,
    /// Set when the caller has been told how the process ended.
    is_settled: bool,
    /// The report of a failing test, unless a lease or the attribute has one.
    report: Option<Arc<FailureReport>>,
    /// Dropped after the server: what it needs runs as long as it does.
    needs: NeedLeases,
}

impl Process {
    pub(crate) fn new(server: Server, after_ready: Vec<AfterReady>) -> Self {
        Self { server, after_ready, is_settled: false, report: None, needs: NeedLeases::default() }
    }

    /// Returns the name of the process in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.server.plan.name
    }

    /// Returns the id of the main process: the one that was started, or the daemon that it has left.
    ///
    /// # Panics
    ///
    /// Panics if the process stands for a server that runs already; see
    /// [`Executor::external`](crate::Executor::external).
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        or_panic(self.server.check_own("has no process id"));
        self.server.state().main as u32
    }

    /// Returns the port that `{port}` stands for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_port`](Self::try_port) returns an error.
    #[must_use]
    #[track_caller]
    pub fn port(&self) -> u16 {
        or_panic(self.try_port())
    }

    /// Returns the port that `{port}` stands for: a reserved one, or the one that the process has
    /// chosen.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if nothing in the executor mentions `{port}`, or if
    /// the text that it stands for is not the number of a port.
    pub fn try_port(&self) -> Result<u16> {
        self.try_port_named("")
    }

    /// Returns the port that `{port:name}` stands for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_port_named`](Self::try_port_named) returns an error.
    #[must_use]
    #[track_caller]
    pub fn port_named(&self, name: &str) -> u16 {
        or_panic(self.try_port_named(name))
    }

    /// Returns the port that `{port:name}` stands for, or that the group `name` of an output pattern
    /// has captured.
    ///
    /// # Errors
    ///
    /// The same as those of [`try_port`](Self::try_port).
    pub fn try_port_named(&self, name: &str) -> Result<u16> {
        self.server.plan.values.port(name).ok_or_else(|| {
            let name = if name.is_empty() { String::new() } else { format!(":{name}") };
            let placeholder = format!("`{{port{name}}}`");
            let what = "nothing in its executor mentions it, and the process has printed none";
            self.missing(&placeholder, what, &format!("write {placeholder} in the command"))
        })
    }

    /// Returns the address that answered.
    ///
    /// # Panics
    ///
    /// Panics where [`try_addr`](Self::try_addr) returns an error.
    #[must_use]
    #[track_caller]
    pub fn addr(&self) -> SocketAddr {
        or_panic(self.try_addr())
    }

    /// Returns the address that answered: that of the first condition by
    /// [`tcp`](crate::Executor::tcp) or [`http`](crate::Executor::http).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the executor waits for no address. Where the
    /// process listens is then not known, only which [`port`](Self::port) it was given.
    pub fn try_addr(&self) -> Result<SocketAddr> {
        self.server.endpoint.addr.ok_or_else(|| {
            let help = "wait for one by `tcp` or `http`, or use `port()`";
            self.missing("address", "its executor waits for none", help)
        })
    }

    /// Returns the URL that answered.
    ///
    /// # Panics
    ///
    /// Panics where [`try_url`](Self::try_url) returns an error.
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        or_panic(self.try_url())
    }

    /// Returns the URL that answered, with the address that answered as its host. A URL on a Unix
    /// socket is returned as it was written, with its placeholders filled in.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if the executor waits for no URL.
    pub fn try_url(&self) -> Result<String> {
        self.server.endpoint.url.clone().ok_or_else(|| {
            let help = "wait for one by `http`, or use `render`";
            self.missing("URL", "its executor waits for none", help)
        })
    }

    /// Returns the directory that `{dir}` stands for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_dir`](Self::try_dir) returns an error.
    #[must_use]
    #[track_caller]
    pub fn dir(&self) -> &Path {
        or_panic(self.try_dir())
    }

    /// Returns the directory that `{dir}` stands for. It is removed when the process has ended.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if nothing in the executor mentions `{dir}`.
    pub fn try_dir(&self) -> Result<&Path> {
        self.server.plan.values.dir().ok_or_else(|| {
            let what = "nothing in its executor mentions it";
            self.missing("`{dir}`", what, "write `{dir}` in the command")
        })
    }

    fn missing(&self, what: &str, why: &str, help: &str) -> Error {
        match &self.server.plan.external {
            Some(external) => external.refuse(self.name(), &format!("has no {what}")),
            None => Error::invalid(format!("{} has no {what}: {why}", self.name())).with_help(help),
        }
    }

    /// Fills in placeholders with the values of this process.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) if a placeholder is unknown, or has no value in this
    /// process.
    pub fn render(&self, text: &str) -> Result<String> {
        self.server.plan.values.render(text)
    }

    /// Returns true if any process that belongs to this one is running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.server.state().is_running()
    }

    /// Returns how the process ended, or `None` if it is running.
    #[must_use]
    pub fn exit_status(&self) -> Option<Exit> {
        self.server.state().ended()
    }

    /// Returns the output of the process.
    ///
    /// # Panics
    ///
    /// Panics if the process stands for a server that runs already; see
    /// [`Executor::external`](crate::Executor::external).
    #[must_use]
    #[track_caller]
    pub fn log(&self) -> Log {
        or_panic(self.server.check_own("has no log"));
        self.server.log()
    }

    /// Fails if anything of the process is running: below its supervisor, or elsewhere with the mark
    /// that all its processes have in their environment. It checks independently what
    /// [`stop`](Self::stop) promises. On other systems than Linux it only checks
    /// [`is_running`](Self::is_running).
    ///
    /// # Errors
    ///
    /// [`Leak`](ErrorKind::Leak), with the ids and commands of what is running.
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
        self.server.check_own("cannot be searched for what it has left")?;
        self.server.leak_check()
    }

    /// Sends a signal to the main process.
    ///
    /// # Errors
    ///
    /// [`Exited`](ErrorKind::Exited) if the process has ended,
    /// [`InvalidInput`](ErrorKind::InvalidInput) if there is no such signal.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.server.check_signal(signal)?;
        self.server.request(Request::Signal(signal.number()))
    }

    /// Pauses the process and everything that it has spawned, and returns when all of it is paused.
    /// On other systems than Linux some of it may run for a moment longer.
    ///
    /// # Errors
    ///
    /// [`Exited`](ErrorKind::Exited) if the process has ended, [`Timeout`](ErrorKind::Timeout) if it
    /// keeps spawning others for longer than its stop timeout.
    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    /// Resumes a paused process.
    ///
    /// # Errors
    ///
    /// [`Exited`](ErrorKind::Exited) if the process has ended.
    pub fn resume(&mut self) -> Result<()> {
        self.server.request(Request::Resume)
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if it is still running after this time. It is not stopped.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Exit> {
        self.server.check_own("has no end that can be waited for")?;
        let timeout = multiplied(timeout);
        let state = self.server.wait(sys::deadline_after(timeout));
        state.as_ref().and_then(State::ended).ok_or_else(|| {
            let what = format!("has not ended within {}", Limit(timeout));
            self.server.failed(ErrorKind::Timeout, &what)
        })
    }

    /// Takes the writing end of the standard input of the process, which reads end of file when this
    /// is dropped. There is one if the executor asks for [`Stdin::Piped`](crate::Stdin::Piped), until it is
    /// taken. A shared process keeps it from test to test.
    pub fn take_stdin(&mut self) -> Option<File> {
        self.server.take_stdin()
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn server_mut(&mut self) -> &mut Server {
        &mut self.server
    }

    /// Keeps the leases of what the process needs as long as the process.
    pub(crate) fn needing(mut self, needs: NeedLeases) -> Self {
        self.needs = needs;
        self
    }

    /// Returns the views of the process and of what it needs, for a report.
    pub(crate) fn views(&self) -> Vec<Arc<ServerView>> {
        self.server.views(self.needs.views())
    }

    /// Makes the report that is printed if the test fails.
    pub(crate) fn reported(mut self) -> Self {
        self.report = Some(FailureReport::open(self.views()));
        self
    }

    /// Leaves it to a lease or the attribute to print the report of a failing test.
    pub(crate) fn leased(mut self) -> Self {
        self.report = None;
        self
    }

    /// Prints the report of a failing test, unless a lease or the attribute does.
    pub(crate) fn print_report(&mut self) {
        if let Some(report) = self.report.take() {
            report.print();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_report();
        }
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, state) = (self.name(), self.server.state().to_string());
        f.debug_struct("Process").field("name", &name).field("state", &state).finish()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Process>();
};
