//! Exclusive leases.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::in_process::ExclusiveHold;
use super::lease::{AnyHold, Held};
use crate::diagnostics::events;
use crate::error::or_panic;
use crate::process::Process;
use crate::server::failure_report::ServerView;

/// The right to use a shared process alone: to stop, restart, pause or kill it.
///
/// Dropping it ends the lease. A process that was left paused is resumed; one that was left stopped
/// is started again for the next lease. What [`reset`](crate::Executor::reset) says is done before.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Executor, ExclusiveLease, Shared};
/// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
///
/// let mut lease: ExclusiveLease = SERVER.exclusive()?;
/// lease.kill()?; // The next lease starts it again.
/// drop(lease);
/// assert!(SERVER.lease()?.is_running());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[must_use = "a lease that is not kept ends at once"]
pub struct ExclusiveLease {
    held: Held<ExclusiveHold>,
    /// The next test gets another process.
    is_dirty: bool,
}

impl ExclusiveLease {
    pub(super) fn new(held: Held<ExclusiveHold>) -> Self {
        let mut lease = Self { held, is_dirty: false };
        if lease.server().has_reset() {
            // If this test is killed, nothing undoes what it has changed.
            lease.discard(true);
        }
        lease
    }

    /// Leaves the process to no other test: the next one gets another process, from its
    /// [`template`](crate::Executor::template) and with all other steps. What [needs](crate::Executor::needs) it
    /// is stopped with it.
    ///
    /// # Panics
    ///
    /// Panics if the process stands for a server that runs already; see
    /// [`Executor::external`](crate::Executor::external).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 60"));
    ///
    /// let mut sleeper = SLEEPER.exclusive()?;
    /// let pid = sleeper.pid();
    /// sleeper.mark_dirty();
    /// drop(sleeper);
    /// assert_ne!(SLEEPER.lease()?.pid(), pid);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[track_caller]
    pub fn mark_dirty(&mut self) {
        or_panic(self.server().check_own("cannot be started again for the next test"));
        self.is_dirty = true;
        self.discard(true);
    }

    /// Returns a name that no other lease has; see [`Lease::unique`](crate::Lease::unique).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
    /// let server = SERVER.exclusive()?;
    /// let create = format!("CREATE DATABASE {}", server.unique());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn unique(&self) -> &str {
        self.held.unique()
    }

    pub(super) fn views(&self) -> Vec<Arc<ServerView>> {
        self.held.views()
    }

    fn discard(&mut self, discards: bool) {
        match &mut self.held.hold {
            AnyHold::Local(hold) => hold.discards = discards,
            AnyHold::Remote(process) => process.server().mark_dirty(discards),
        }
    }

    fn reset(&mut self) {
        match self.server().reset() {
            Ok(()) => self.discard(false),
            Err(error) => {
                let is_replaced = self.server().plan.external.is_none();
                events::not_reset(self.name(), is_replaced, &error.to_string());
            }
        }
    }
}

impl Deref for ExclusiveLease {
    type Target = Process;

    fn deref(&self) -> &Process {
        self.held.process()
    }
}

impl DerefMut for ExclusiveLease {
    fn deref_mut(&mut self) -> &mut Process {
        match &mut self.held.hold {
            AnyHold::Local(hold) => hold,
            AnyHold::Remote(process) => process,
        }
    }
}

impl Drop for ExclusiveLease {
    fn drop(&mut self) {
        self.held.end();
        let _ = self.resume(); // Fails if the process was stopped.
        if self.server().has_reset() && !self.is_dirty {
            self.reset();
        }
    }
}

impl fmt::Debug for ExclusiveLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExclusiveLease").field(&**self).finish()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<ExclusiveLease>();
};
