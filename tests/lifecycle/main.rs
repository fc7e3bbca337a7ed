//! Starting, using, stopping and restarting a process.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
#![cfg_attr(
    mirakuru_fallback,
    allow(unused_imports, dead_code, reason = "tests that need Linux are left out there")
)]

mod binaries;
mod constructors;
mod early_exit;
mod keep;
mod kill;
mod log_follower;
mod options;
mod output;
mod plain;
mod ports;
mod process;
mod restarts;
mod stdin;
mod stop;
mod stop_async;
mod values;
mod wrappers;
