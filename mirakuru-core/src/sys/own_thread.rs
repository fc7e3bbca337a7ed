//! Calls of the user's closures.

use std::panic::resume_unwind;
use std::thread;

/// Calls a closure of the user on a thread of its own: that of a test may drive an async runtime, where
/// a client that blocks panics. The thread has the name of the test, which a panic prints.
pub(crate) fn on_own_thread<R: Send>(call: impl Fn() -> R + Sync) -> R {
    let name = thread::current().name().unwrap_or("mirakuru-closure").to_owned();
    thread::scope(|scope| match thread::Builder::new().name(name).spawn_scoped(scope, &call) {
        Ok(thread) => thread.join().unwrap_or_else(|panicked| resume_unwind(panicked)),
        Err(_) => call(),
    })
}
