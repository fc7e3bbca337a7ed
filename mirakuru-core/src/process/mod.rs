//! A started executor.

mod address;
mod after_ready;
mod control;
mod needs;
mod stop;
mod stop_async;

use std::fmt;
use std::sync::Arc;

use crate::error::{Result, or_panic};
use crate::output::Log;
use crate::server::Server;
use crate::server::failure_report::{FailureReport, ServerView};
use crate::types::Exit;

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
/// thread panics, the state and the last lines of output are printed. All that it has spawned, its files
/// and its reserved ports are gone then. The supervisor, a process named `mirakuru-ends`, may still be
/// exiting: for a fraction of a millisecond, and never longer than the test process lives.
///
/// In an async runtime of one thread, that blocks the tasks that are connected to the process: await
/// [`stop_async`](Process::stop_async) before. The attribute does better for an async test that has
/// the process to itself: dropping it begins the stop and does not wait for its end.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Executor;
/// let mut server = Executor::new("sleep 60").env("PORT", "{port}").start()?;
/// println!("{} listens on port {}", server.name(), server.port());
/// server.restart()?;
/// assert!(server.is_running());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").start()?;
    /// assert_eq!(server.name(), "sleep");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo process $$; exec sleep 60").output("^process").start()?;
    /// assert_eq!(server.log().read()?, format!("process {}\n", server.pid()));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> u32 {
        or_panic(self.server.check_own("has no process id"));
        self.server.state().main as u32
    }

    /// Returns true if any process that belongs to this one is running.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").start()?;
    /// assert!(server.is_running());
    /// server.stop()?;
    /// assert!(!server.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.server.state().is_running()
    }

    /// Returns how the process ended, or `None` if it is running.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").start()?;
    /// assert!(server.exit_status().is_none());
    /// let exit = server.stop()?;
    /// assert_eq!(server.exit_status(), Some(exit));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo ready; exec sleep 60").output("ready").start()?;
    /// assert_eq!(server.log().read()?, "ready\n");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
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
    /// [`Leak`](crate::ErrorKind::Leak), with the ids and commands of what is running.
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
