//! A library that starts a server, for a host that is no program of ours.

#![allow(missing_docs, reason = "it has no users")]

use mirakuru_rstest::Executor;

/// Prints what comes of a start.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn mk_library_start() {
    match Executor::new("sleep 300").start() {
        Ok(server) => println!("{server:?}"),
        Err(error) => println!("{error:?}"),
    }
}
