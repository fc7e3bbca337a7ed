//! Threads of tests, and of the user's closures.

use std::cell::Cell;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::panic::{self, AssertUnwindSafe};
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
/// a client that blocks panics. Its name and its number are those of the calling thread. A panic is
/// returned as a text.
pub(crate) fn on_own_thread<R: Send>(call: impl Fn() -> R + Sync) -> Result<R, String> {
    let name = thread::current().name().unwrap_or("mirakuru-closure").to_owned();
    let number = thread_number();
    let run = || {
        NUMBER.set(number);
        call()
    };
    let called =
        thread::scope(|scope| match thread::Builder::new().name(name).spawn_scoped(scope, run) {
            Ok(thread) => thread.join(),
            Err(_) => panic::catch_unwind(AssertUnwindSafe(&call)),
        });
    called.map_err(|panicked| {
        let text = panicked.downcast_ref::<String>().map(String::as_str);
        match text.or_else(|| panicked.downcast_ref::<&str>().copied()) {
            Some(text) => format!("it panicked: {text}"),
            None => "it panicked".to_owned(),
        }
    })
}
