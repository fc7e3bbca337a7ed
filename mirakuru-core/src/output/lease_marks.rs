//! Where the leases of the test on this thread began in the logs of its processes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

thread_local! {
    /// The leases of the test on this thread, by the log file of the process.
    static LEASES: RefCell<HashMap<PathBuf, Leased>> = RefCell::default();
}

/// A process that a test leases.
struct Leased {
    /// The lengths of the log files when the first lease began.
    start: Vec<u64>,
    lease_count: usize,
    /// Set when the failing test has printed the output since then.
    is_printed: bool,
}

/// Begins a lease. `lengths` is used if it is the first one of this test.
pub(super) fn begin(log: &Path, lengths: impl FnOnce() -> Vec<u64>) {
    LEASES.with_borrow_mut(|leases| {
        let leased = leases.entry(log.to_owned()).or_insert_with(|| Leased {
            start: lengths(),
            lease_count: 0,
            is_printed: false,
        });
        leased.lease_count += 1;
    });
}

/// Ends a lease.
pub(super) fn end(log: &Path) {
    // A lease that is dropped at thread exit may come after the thread local is gone.
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

/// Returns true once for each test: its further leases of the process would print the same lines.
pub(super) fn claim_report(log: &Path) -> bool {
    let was_printed = LEASES.try_with(|leases| {
        let mut leases = leases.borrow_mut();
        leases.get_mut(log).is_some_and(|leased| std::mem::replace(&mut leased.is_printed, true))
    });
    !was_printed.unwrap_or(false)
}
