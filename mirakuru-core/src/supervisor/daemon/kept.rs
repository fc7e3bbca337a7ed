//! How long a server is kept that has no users any more.

use std::time::{Duration, Instant};

use crate::sys;

/// Until then, a server that runs is kept without users.
#[derive(Default)]
pub(super) struct KeptUntil(Option<Instant>);

impl KeptUntil {
    /// Begins or changes the time.
    pub(super) fn set(&mut self, millis: u64) {
        self.0 = Some(sys::deadline_after(Duration::from_millis(millis)));
    }

    /// Returns how much time is left, unless none is.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.0?.saturating_duration_since(Instant::now());
        Some(left).filter(|left| !left.is_zero())
    }
}
