//! One server for all test processes that name it.
//!
//! The processes are this binary, run again as nextest would: one test each. Their runner is a
//! process that each test here starts and ends. `.ci/run` does the same with the real runners.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test would")]

mod external;
mod external_faults;
mod fifty_tests;
mod fixed_addresses;
mod info;
mod joins;
#[cfg(not(mirakuru_fallback))]
mod kept;
mod kills;
mod lease_waits;
mod leases;
mod limits;
mod misspelt;
mod needs;
mod needs_faults;
mod reset;
mod roles;
mod run;
#[cfg(not(mirakuru_fallback))]
mod runners;
mod stdin;
#[cfg(all(target_env = "gnu", not(mirakuru_fallback)))]
mod syscalls;
mod time_limit;
mod together;
#[cfg(all(target_env = "gnu", not(mirakuru_fallback)))]
mod tracer;
mod unique;
mod variables;
#[cfg(not(mirakuru_fallback))]
mod versions;
#[cfg(all(target_env = "gnu", not(mirakuru_fallback)))]
mod watchdog;
