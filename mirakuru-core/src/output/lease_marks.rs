//! Where the leases of this test process began in the logs of its processes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::sys;

/// The marks of all leases of this test process, in the order in which they began.
static MARKS: Mutex<Vec<Mark>> = Mutex::new(Vec::new());

struct Mark {
    id: u64,
    /// The thread of the test that began the lease.
    thread: u64,
    log: PathBuf,
    /// The lengths of the log files when the lease began.
    start: Vec<u64>,
    /// Set when the failing test has printed the output since then.
    is_printed: bool,
}

/// The mark of one lease, removed when it is dropped, on whichever thread that happens.
#[must_use]
pub(crate) struct LeaseMark(u64);

impl LeaseMark {
    /// Marks where a lease of the test on this thread begins.
    pub(super) fn new(log: &Path, start: Vec<u64>) -> Self {
        let (id, thread, log) = (next_id(), sys::thread_number(), log.to_owned());
        let mut marks = MARKS.lock();
        // A further lease of the test would print the same lines.
        let is_same = |mark: &&Mark| mark.thread == thread && mark.log == log;
        let is_printed = marks.iter().find(is_same).is_some_and(|mark| mark.is_printed);
        marks.push(Mark { id, thread, log, start, is_printed });
        Self(id)
    }
}

impl Drop for LeaseMark {
    fn drop(&mut self) {
        MARKS.lock().retain(|mark| mark.id != self.0);
    }
}

/// Returns the lengths of the log files when the test's first lease began. A thread that has begun none
/// may belong to any test of this process that has one: the earliest counts.
pub(super) fn start(log: &Path) -> Option<Vec<u64>> {
    let (thread, marks) = (sys::thread_number(), MARKS.lock());
    let of_log = || marks.iter().filter(|mark| mark.log == log);
    let mark = of_log().find(|mark| mark.thread == thread).or_else(|| of_log().next());
    mark.map(|mark| mark.start.clone())
}

/// Returns true once for each test: its further leases of the process would print the same lines.
pub(super) fn claim_report(log: &Path) -> bool {
    let (thread, mut marks) = (sys::thread_number(), MARKS.lock());
    let mut was_printed = false;
    for mark in marks.iter_mut().filter(|mark| mark.thread == thread && mark.log == log) {
        was_printed |= std::mem::replace(&mut mark.is_printed, true);
    }
    !was_printed
}

fn next_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(1);
    IDS.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_thread_has_the_mark_of_its_first_lease_and_another_one_the_earliest() {
        let log = Path::new("of-a-test-of-lease-marks");
        let first = LeaseMark::new(log, vec![1]);
        let second = LeaseMark::new(log, vec![2]);
        let on_another = thread::scope(|scope| {
            scope
                .spawn(|| {
                    assert_eq!(start(log), Some(vec![1]));
                    let own = LeaseMark::new(log, vec![3]);
                    assert_eq!(start(log), Some(vec![3]));
                    drop(first);
                    own
                })
                .join()
                .unwrap()
        });
        assert_eq!(start(log), Some(vec![2]));
        drop(second);
        assert_eq!(start(log), Some(vec![3]));
        drop(on_another);
        assert_eq!(start(log), None);
    }

    #[test]
    fn a_test_prints_once() {
        let log = Path::new("of-a-test-of-printing");
        let first = LeaseMark::new(log, vec![1]);
        assert!(claim_report(log));
        let second = LeaseMark::new(log, vec![2]);
        assert!(!claim_report(log));
        drop((first, second));
        let _next = LeaseMark::new(log, vec![3]);
        assert!(claim_report(log));
    }
}
