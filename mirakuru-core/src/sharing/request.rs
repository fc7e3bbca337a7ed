//! What a lease is requested with.

use std::time::Duration;

use crate::process::NeedLeases;

/// A request for a lease.
pub(super) struct Request {
    /// The leases of what the process needs.
    pub(super) needs: NeedLeases,
    pub(super) timeout: Duration,
}
