//! Shared leases.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::in_process::SharedHold;
use super::unique;
use crate::diagnostics::timeline;
use crate::output::LeaseMark;
use crate::process::{NeedLeases, Process};
use crate::server::failure_report::{FailureReport, ServerView};

/// The right to use a shared process while other tests use it too.
///
/// Dropping it ends the lease. The process keeps running.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Executor, Lease, Shared};
/// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
///
/// let lease: Lease = SERVER.lease()?;
/// assert!(lease.is_running()); // It has the methods of a `Process` that change nothing.
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[must_use = "a lease that is not kept ends at once"]
pub struct Lease(pub(super) Held<SharedHold>);

/// What a lease holds until it is dropped.
pub(super) struct Held<Hold> {
    in_timeline: Option<timeline::Lease>,
    _mark: LeaseMark,
    report: Arc<FailureReport>,
    /// Its name, if it was asked for.
    unique: OnceLock<String>,
    pub(super) hold: AnyHold<Hold>,
}

/// How and when a lease was asked for.
pub(super) struct Asked {
    pub(super) at: Instant,
    pub(super) exclusively: bool,
}

/// A lease of this test process alone, or of a session.
pub(super) enum AnyHold<Hold> {
    Local(Hold),
    /// The connection of the process to its supervisor is the lease.
    Remote(Box<Process>),
}

impl<Hold: Deref<Target = Process>> Held<Hold> {
    pub(super) fn local(hold: Hold, needs: &NeedLeases, asked: Asked) -> Self {
        Self::begun(AnyHold::Local(hold), needs, asked)
    }

    pub(super) fn remote(process: Process, needs: &NeedLeases, asked: Asked) -> Self {
        Self::begun(AnyHold::Remote(Box::new(process.leased())), needs, asked)
    }

    fn begun(hold: AnyHold<Hold>, needs: &NeedLeases, asked: Asked) -> Self {
        let server = hold.process().server();
        let in_timeline = server.track().map(|it| it.leased(asked.at, asked.exclusively));
        let mark = server.begin_lease(); // The views show the output from here on.
        let report = FailureReport::open(server.views(needs.views()));
        Self { in_timeline, _mark: mark, report, unique: OnceLock::new(), hold }
    }

    pub(super) fn process(&self) -> &Process {
        self.hold.process()
    }

    /// Returns the views of the process and of what it needs, for a report.
    pub(super) fn views(&self) -> Vec<Arc<ServerView>> {
        self.report.servers()
    }

    /// Called when the lease ends. If the test panics, prints what the processes wrote during the lease.
    pub(super) fn end(&self) {
        if self.in_timeline.is_some() && !self.process().is_running() {
            self.process().server().note_end();
        }
        if std::thread::panicking() {
            self.report.print();
        }
    }

    /// Returns a name that no other lease has.
    pub(super) fn unique(&self) -> &str {
        self.unique.get_or_init(unique::name)
    }
}

impl<Hold: Deref<Target = Process>> AnyHold<Hold> {
    fn process(&self) -> &Process {
        match self {
            Self::Local(hold) => hold,
            Self::Remote(process) => process,
        }
    }
}

impl Lease {
    /// Returns a name that no other lease has: not of this process or of another one, in this run or in
    /// another. A test names by it what it has of its own in a shared server.
    ///
    /// It is always the same for one lease. A second lease, also of the same test, has another. It has 14
    /// lower-case letters and digits and begins with a letter, so it can be the name of a database, a
    /// virtual host or a bucket, or the prefix of keys.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static DATABASE: Shared = Shared::new(|| Executor::new("sleep 60"));
    ///
    /// let lease = DATABASE.lease()?;
    /// let create = format!("CREATE DATABASE {}", lease.unique());
    /// let drop = format!("DROP DATABASE {}", lease.unique());
    /// # let _ = (create, drop);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn unique(&self) -> &str {
        self.0.unique()
    }
}

impl Deref for Lease {
    type Target = Process;

    fn deref(&self) -> &Process {
        self.0.process()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.is_running() && !std::thread::panicking() {
            // This test passes nevertheless; the report is for the tests that fail because of it.
            self.server().report_death();
        }
        self.0.end();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Lease>();
};
