//! The behaviour of the library beyond what the scenarios, the real servers and the compiler show.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test would")]

mod attribute;
mod bad_input;
mod crowd;
mod ends;
mod failures;
mod fixtures;
mod leases;
mod log_follower;
mod near_names;
mod ports;
mod process;
mod progress;
mod stdin;
mod taken;
mod values;
