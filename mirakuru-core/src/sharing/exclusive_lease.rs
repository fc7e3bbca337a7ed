//! Exclusive leases.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::in_process::ExclusiveHold;
use super::lease::{AnyHold, Held};
use crate::process::Process;

/// The right to use a shared process alone: to stop, restart, pause or kill it.
///
/// Dropping it ends the lease. A process that was left paused is resumed; one that was left stopped
/// is started again for the next lease.
#[must_use = "a lease that is not kept ends at once"]
pub struct ExclusiveLease(pub(super) Held<ExclusiveHold>);

impl Deref for ExclusiveLease {
    type Target = Process;

    fn deref(&self) -> &Process {
        self.0.process()
    }
}

impl DerefMut for ExclusiveLease {
    fn deref_mut(&mut self) -> &mut Process {
        match &mut self.0.hold {
            AnyHold::Local(hold) => hold,
            AnyHold::Remote(process) => process,
        }
    }
}

impl Drop for ExclusiveLease {
    fn drop(&mut self) {
        self.server().end_lease();
        let _ = self.resume(); // Fails if the process was stopped.
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
