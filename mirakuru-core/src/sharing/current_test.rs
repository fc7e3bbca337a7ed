//! Identifies the test that runs on the calling thread: each test has a thread of its own, and rstest
//! gives the body of one with a time limit another thread of the same name.

use std::collections::BTreeMap;
use std::thread::{self, Thread};

use parking_lot::Mutex;

use crate::sys;

/// The numbers of the tests whose fixtures have leased a process, by the names of their threads.
static WITH_FIXTURES: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Notes that fixtures of a test run on the calling thread. The body of the test may get another one.
pub(super) fn runs_fixtures() {
    if let Some(name) = thread::current().name() {
        WITH_FIXTURES.lock().entry(name.to_owned()).or_insert(sys::thread_number());
    }
}

/// Returns a number that no other running test has, in this process or another.
pub(super) fn number() -> u64 {
    let of_fixtures = |name: &str| WITH_FIXTURES.lock().get(name).copied();
    let number = thread::current().name().and_then(of_fixtures);
    number.unwrap_or_else(sys::thread_number)
}

/// Returns a test's name, which libtest gives to its thread.
pub(super) fn name(thread: &Thread) -> &str {
    thread.name().unwrap_or("an unnamed thread")
}
