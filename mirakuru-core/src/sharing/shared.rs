//! The definition of a shared process.

use std::fmt;
use std::sync::Arc;

use once_cell::sync::OnceCell;

use super::exclusive_lease::ExclusiveLease;
use super::lease::Lease;
use super::registry::{self, Entry};
use crate::error::Result;
use crate::executor::Executor;
use crate::types::Scope;

/// The definition of a process that tests share.
///
/// The first lease starts the process. It is stopped when all tests that share it have ended; see
/// [`Scope`]. Two definitions that say the same share one process. A process that has died is started
/// again for the next lease. A failed start is remembered: later leases return the same error at once,
/// unless it is that a system call failed ([`Os`](crate::ErrorKind::Os)), which may not fail again.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Executor, Shared};
/// static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 60"));
///
/// let lease = SLEEPER.lease()?;
/// let other = SLEEPER.lease()?;
/// assert_eq!(lease.pid(), other.pid());
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub struct Shared {
    make: fn() -> Executor,
    label: Option<&'static str>,
    pub(super) scope: Option<Scope>,
    /// What `make` returns may differ from lease to lease.
    is_described_by_each_lease: bool,
    entry: OnceCell<Arc<Entry>>,
}

impl Shared {
    /// Defines a process by the executor that `make` returns. `make` is called by the first lease.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
    /// assert!(SERVER.lease()?.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub const fn new(make: fn() -> Executor) -> Self {
        Self {
            make,
            label: None,
            scope: None,
            is_described_by_each_lease: false,
            entry: OnceCell::new(),
        }
    }

    /// Sets which tests share the process. Default: [`Scope::Binary`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Scope, Shared};
    /// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60")).scope(Scope::Session);
    /// ```
    #[must_use]
    pub const fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// Says what the tests call the process.
    #[doc(hidden)]
    #[must_use]
    pub const fn called(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    /// Has each lease call `make`, which takes values of other processes.
    #[doc(hidden)]
    #[must_use]
    pub const fn described_by_each_lease(mut self) -> Self {
        self.is_described_by_each_lease = true;
        self
    }

    /// Leases the process, which other tests may use at the same time.
    ///
    /// Waits while an exclusive lease is held or was requested earlier, except if the calling test
    /// leases the process already. A test is identified by its thread.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Executor::start`], and [`Lease`](crate::ErrorKind::Lease) if the
    /// calling test leases the process exclusively, or if one other test has held it for a minute.
    /// The time in which the test process was stopped does not count. After a test has waited for a
    /// lease in vain, the next one that needs it to end gets the error at once.
    /// The environment variable `MIRAKURU_LEASE_TIMEOUT` sets another limit: seconds, as `60` or
    /// `0.5`, or a duration, as `1m30s`. Any other value is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
    /// let pid = SERVER.lease()?.pid();
    /// assert_eq!(SERVER.lease()?.pid(), pid);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn lease(&self) -> Result<Lease> {
        self.entry()?.lease()
    }

    /// Leases the process for the calling test alone. Waits until all other leases have ended; later
    /// requests wait for this one.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`lease`](Self::lease), also if the calling test has a shared lease of
    /// the process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
    /// let mut server = SERVER.exclusive()?;
    /// server.restart()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn exclusive(&self) -> Result<ExclusiveLease> {
        self.entry()?.exclusive()
    }

    /// Returns the number of leases that are held now, or 0 if it cannot be determined.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60"));
    /// let lease = SERVER.lease()?;
    /// assert_eq!(SERVER.lease_count(), 1);
    /// drop(lease);
    /// assert_eq!(SERVER.lease_count(), 0);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn lease_count(&self) -> usize {
        self.entry().map_or(0, |entry| entry.lease_count())
    }

    pub(super) fn described(&self) -> Executor {
        let executor = (self.make)();
        self.label.into_iter().fold(executor, Executor::called)
    }

    pub(super) fn entry(&self) -> Result<Arc<Entry>> {
        if let Some(entry) = self.entry.get() {
            return Ok(Arc::clone(entry));
        }
        // Made outside the cell: processes that need each other would wait for each other.
        let entry = registry::entry(self.described(), self.scope)?;
        if !self.is_described_by_each_lease {
            let _ = self.entry.set(Arc::clone(&entry)); // Another thread may have been faster.
        }
        Ok(entry)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("scope", &self.scope).finish_non_exhaustive()
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Shared>();
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_makes_no_executor() {
        static UNUSED: Shared = Shared::new(|| unreachable!("made for `Debug`"));
        assert_eq!(format!("{UNUSED:?}"), "Shared { scope: None, .. }");
    }
}
