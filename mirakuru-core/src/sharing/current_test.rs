//! Identifies the test that runs on the calling thread: each test has a thread of its own.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::thread::{self, Thread};

thread_local! {
    static NUMBER: u64 = {
        let mut hasher = DefaultHasher::new();
        (std::process::id(), thread::current().id()).hash(&mut hasher);
        hasher.finish()
    };
}

/// Returns a number that no other running test has, in this process or another.
pub(super) fn number() -> u64 {
    NUMBER.with(|number| *number)
}

/// Returns a test's name, which libtest gives to its thread.
pub(super) fn name(thread: &Thread) -> &str {
    thread.name().unwrap_or("an unnamed thread")
}
