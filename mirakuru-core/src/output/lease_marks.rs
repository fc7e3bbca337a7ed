//! Where the leases of the test on this thread began in the logs of its processes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

thread_local! {
    /// The leases of the test on this thread, by the log file of their process.
    static LEASES: RefCell<HashMap<PathBuf, Leased>> = RefCell::default();
}

/// A process that a test leases.
struct Leased {
    /// The lengths of the log files when the first lease began.
    start: Vec<u64>,
    lease_count: usize,
    /// Whether the failing test has printed what was written since.
    is_shown: bool,
}

/// Begins a lease. `lengths` counts if the test has no other lease of this process.
pub(super) fn begin(log: &Path, lengths: impl FnOnce() -> Vec<u64>) {
    LEASES.with_borrow_mut(|leases| {
        let leased = leases.entry(log.to_owned()).or_insert_with(|| Leased {
            start: lengths(),
            lease_count: 0,
            is_shown: false,
        });
        leased.lease_count += 1;
    });
}

/// Ends a lease.
pub(super) fn end(log: &Path) {
    // Thread locals may be gone already when a lease is dropped late.
    let _ = LEASES.try_with(|leases| {
        let mut leases = leases.borrow_mut();
        let Some(leased) = leases.get_mut(log) else { return };
        leased.lease_count -= 1;
        if leased.lease_count == 0 {
            leases.remove(log);
        }
    });
}

/// Returns the lengths of the log files when the test's first lease began.
pub(super) fn start(log: &Path) -> Option<Vec<u64>> {
    LEASES.with_borrow(|leases| leases.get(log).map(|leased| leased.start.clone()))
}

/// Returns true once for each lease: several leases of a test would print the same lines.
pub(super) fn claim_report(log: &Path) -> bool {
    let was_shown = LEASES.try_with(|leases| {
        let mut leases = leases.borrow_mut();
        leases.get_mut(log).is_some_and(|leased| std::mem::replace(&mut leased.is_shown, true))
    });
    !was_shown.unwrap_or(false)
}
