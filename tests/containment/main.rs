//! No process is left behind: each end of a test process with each shape of a server, kills at
//! random moments, and thousands of starts in one process. Survivors are searched for in `/proc`,
//! independently of the library.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test would")]

mod cycles;
mod ends_of_tests;
mod forks;
mod hangs;
mod hosts;
#[cfg(not(mirakuru_fallback))]
mod launcher;
mod leftovers;
mod matrix;
#[cfg(not(mirakuru_fallback))]
mod other_users;
mod ports;
mod shape;
#[cfg(not(mirakuru_fallback))]
mod shared_memory;
mod stop;
mod stress;
mod test_end;
