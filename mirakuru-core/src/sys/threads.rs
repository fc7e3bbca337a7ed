//! Threads of tests, and of the user's closures.

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

thread_local!(static NUMBER: Cell<u64> = const { Cell::new(0) });

/// Returns a number that no thread of another test has, in this process or another. Unlike the id of
/// std, it is there also while the thread ends.
pub(crate) fn thread_number() -> u64 {
    static THREADS: AtomicU64 = AtomicU64::new(0);

    NUMBER.with(|number| {
        if number.get() == 0 {
            let mut hasher = DefaultHasher::new();
            (std::process::id(), THREADS.fetch_add(1, Ordering::Relaxed)).hash(&mut hasher);
            number.set(hasher.finish());
        }
        number.get()
    })
}

/// Calls a closure of the user on a thread of its own: that of a test may drive an async runtime, where
/// a client that blocks panics. Its name and its number are those of the calling thread.
pub(crate) fn on_own_thread<R: Send>(call: impl Fn() -> R + Sync) -> R {
    let name = thread::current().name().unwrap_or("mirakuru-closure").to_owned();
    let number = thread_number();
    let run = || {
        NUMBER.set(number);
        call()
    };
    thread::scope(|scope| match thread::Builder::new().name(name).spawn_scoped(scope, run) {
        Ok(thread) => thread.join().unwrap_or_else(|panicked| resume_unwind(panicked)),
        Err(_) => call(),
    })
}
