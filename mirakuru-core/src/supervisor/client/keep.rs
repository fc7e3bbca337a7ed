//! Servers that outlive the tests, to be looked at.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::client::Client;
use crate::diagnostics::log_dir;
use crate::supervisor::protocol::Request;

impl Client {
    /// Leaves a running server to its supervisor, which stops it when this time has passed. Returns
    /// false if it does not run, or if this was done before.
    pub(crate) fn keep_running(&self, limit: Duration) -> bool {
        if !self.state().is_running() || self.is_kept.load(Ordering::Relaxed) {
            return false;
        }
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let log_dir = log_dir::log_dir_lock().map_or(Ok(()), |lock| self.keep(lock));
        let is_kept = log_dir.and_then(|()| self.request(Request::KeepRunning(millis))).is_ok();
        self.is_kept.store(is_kept, Ordering::Relaxed);
        self.is_shared.fetch_or(is_kept, Ordering::Relaxed);
        is_kept
    }

    /// Returns true if the server outlives the tests.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }
}
