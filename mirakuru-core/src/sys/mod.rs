//! System calls: the only unsafe code of the crate, and nothing but thin wrappers.
//!
//! `unix/` has what every Unix offers, `linux/` what only Linux offers. `fallback/` has the same
//! functions for kernels without those calls. `--cfg mirakuru_fallback` selects it on Linux too, so
//! that the suites can run on it.

use std::time::{Duration, Instant};

mod fd_slots;
mod fs;
mod threads;
mod unix;

#[cfg_attr(all(target_os = "linux", not(mirakuru_fallback)), path = "linux/mod.rs")]
#[cfg_attr(not(all(target_os = "linux", not(mirakuru_fallback))), path = "fallback/mod.rs")]
mod platform;

pub(crate) use fd_slots::{FdSlots, InstalledFds};
pub(crate) use fs::{PrivateDir, check_temp_dir, remove_tree, unnamed_file, write_atomically};
pub(crate) use platform::*;
pub(crate) use threads::{on_own_thread, thread_number};
pub(crate) use unix::*;

/// Returns the end of a wait of this length, which is limited to a year.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60))
}

/// The listener at a TCP address, as the kernel reports it.
#[cfg_attr(
    any(mirakuru_fallback, not(target_os = "linux")),
    allow(dead_code, reason = "the fallback never knows")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// No socket listens there.
    None,
    Socket(ListeningSocket),
    /// The kernel does not report it; only a connection shows it.
    Unknown,
}

/// A socket that listens.
#[cfg_attr(
    any(mirakuru_fallback, not(target_os = "linux")),
    allow(dead_code, reason = "the fallback never knows")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListeningSocket {
    pub(crate) inode: u64,
    /// The user who made it.
    pub(crate) user: u32,
    /// It takes no further connection until its process has accepted one.
    pub(crate) is_full: bool,
}

/// A Unix socket that is bound to an address, as the kernel reports it.
#[cfg_attr(
    any(mirakuru_fallback, not(target_os = "linux")),
    allow(dead_code, reason = "the fallback never knows")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BoundSocket {
    pub(crate) inode: u64,
    /// The user who made it.
    pub(crate) user: u32,
    /// It listens, or takes datagrams.
    pub(crate) is_open: bool,
    /// It takes no further connection until its process has accepted one.
    pub(crate) is_full: bool,
}
