//! Identifies the test that runs on the calling thread: each test has a thread of its own, and rstest
//! gives the body of one with a time limit another thread of the same name.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::thread::{self, Thread};

use parking_lot::Mutex;

thread_local! {
    static NUMBER: u64 = {
        let mut hasher = DefaultHasher::new();
        (std::process::id(), thread::current().id()).hash(&mut hasher);
        hasher.finish()
    };
}

/// The numbers of the tests whose fixtures have leased a process, by the names of their threads.
static WITH_FIXTURES: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

/// Notes that fixtures of a test run on the calling thread. The body of the test may get another one.
pub(super) fn runs_fixtures() {
    if let Some(name) = thread::current().name() {
        let number = NUMBER.with(|number| *number);
        WITH_FIXTURES.lock().entry(name.to_owned()).or_insert(number);
    }
}

/// Returns a number that no other running test has, in this process or another.
pub(super) fn number() -> u64 {
    let of_fixtures = |name: &str| WITH_FIXTURES.lock().get(name).copied();
    let number = thread::current().name().and_then(of_fixtures);
    number.unwrap_or_else(|| NUMBER.with(|number| *number))
}

/// Returns a test's name, which libtest gives to its thread.
pub(super) fn name(thread: &Thread) -> &str {
    thread.name().unwrap_or("an unnamed thread")
}
