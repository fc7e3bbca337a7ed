//! One process for all who name it.

mod in_process;
pub mod macro_support;
mod session;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use once_cell::sync::OnceCell;

use crate::error::Result;
use crate::executor::Executor;
use crate::process::Process;
use crate::types::Scope;
use in_process::{Entry, ReadGuard, Slot, Stay, WriteGuard};

/// The definition of a process that tests share.
///
/// The process is started by the first lease, and stopped when those who share it have ended; see
/// [`Scope`]. Two definitions that say the same are the same process. A process that has died is
/// started anew for the next lease. A start that failed is remembered: later leases get the same
/// error at once.
///
/// # Examples
///
/// ```
/// use mirakuru_core::{Executor, Shared};
///
/// static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 60"));
///
/// let lease = SLEEPER.lease()?;
/// let other = SLEEPER.lease()?;
/// assert_eq!(lease.pid(), other.pid());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub struct Shared {
    make: fn() -> Executor,
    scope: Option<Scope>,
    entry: OnceCell<Arc<Entry>>,
}

impl Shared {
    /// A process that is described by what `make` returns.
    #[must_use]
    pub const fn new(make: fn() -> Executor) -> Self {
        Self { make, scope: None, entry: OnceCell::new() }
    }

    /// Who shares the process. Default: [`Scope::Binary`].
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Leases the process, which other tests may use at the same time.
    ///
    /// Waits for an exclusive lease to end, and for one that waits itself, but not if the calling
    /// test leases the process already. Who calls counts by its thread, as each test has one.
    ///
    /// # Errors
    ///
    /// Those of [`Executor::start`], and [`Lease`](crate::ErrorKind::Lease) if the calling test
    /// leases the process exclusively, or if another test has not given it back within a minute
    /// (the environment variable `MIRAKURU_LEASE_TIMEOUT` says otherwise, in seconds).
    pub fn lease(&self) -> Result<Lease> {
        self.entry()?.lease()
    }

    /// Leases the process for the calling test alone. Waits for all other leases to end, and lets
    /// no new ones pass.
    ///
    /// # Errors
    ///
    /// Those of [`Executor::start`], and [`Lease`](crate::ErrorKind::Lease) if the calling test
    /// leases the process already, or if another test has not given it back within a minute.
    pub fn exclusive(&self) -> Result<ExclusiveLease> {
        self.entry()?.exclusive()
    }

    /// Returns how many leases there are now.
    #[must_use]
    pub fn lease_count(&self) -> usize {
        self.entry().map_or(0, |entry| entry.lease_count())
    }

    fn entry(&self) -> Result<&Arc<Entry>> {
        self.entry.get_or_try_init(|| in_process::entry((self.make)(), self.scope))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("lease_count", &self.lease_count()).finish_non_exhaustive()
    }
}

/// The right to use a shared process, at the same time as others.
///
/// Dropping it gives the right back. The process goes on running.
#[must_use = "a lease that is not kept ends at once"]
pub struct Lease(Held<ReadGuard>);

/// How a lease is held.
enum Held<Guard> {
    /// By a lock of this process. The lock is dropped first, then the place in the list of users.
    Local(Guard, #[allow(dead_code, reason = "held to be dropped")] Stay),
    /// By a connection to the supervisor, which the process has.
    Remote(Box<Process>),
}

impl<Guard: Deref<Target = Slot>> Held<Guard> {
    fn local(guard: Guard, stay: Stay) -> Self {
        Self::Local(guard, stay).begun()
    }

    fn remote(process: Process) -> Self {
        Self::Remote(Box::new(process.leased())).begun()
    }

    fn begun(self) -> Self {
        self.process().server().begin_lease();
        self
    }

    fn process(&self) -> &Process {
        match self {
            Self::Local(guard, _) => guard.process().expect("a lease is made over a process"),
            Self::Remote(process) => process,
        }
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
            // A test that passes in spite of it prints this for those that do not.
            self.server().report_death();
        }
        self.server().end_lease();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}

/// The right to use a shared process alone: to stop, restart, pause or kill it.
///
/// Dropping it gives the right back. A process that was left paused goes on; one that was left
/// stopped is started anew for the next lease.
#[must_use = "a lease that is not kept ends at once"]
pub struct ExclusiveLease(Held<WriteGuard>);

impl Deref for ExclusiveLease {
    type Target = Process;

    fn deref(&self) -> &Process {
        self.0.process()
    }
}

impl DerefMut for ExclusiveLease {
    fn deref_mut(&mut self) -> &mut Process {
        match &mut self.0 {
            Held::Local(guard, _) => guard.process_mut().expect("a lease is made over a process"),
            Held::Remote(process) => process,
        }
    }
}

impl Drop for ExclusiveLease {
    fn drop(&mut self) {
        self.server().end_lease();
        let _ = self.resume(); // It may have been stopped.
    }
}

impl fmt::Debug for ExclusiveLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExclusiveLease").field(&**self).finish()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Shared>();
    is_send_sync::<Lease>();
    is_send_sync::<ExclusiveLease>();
};
