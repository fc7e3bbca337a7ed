//! System calls: the only unsafe code of the crate, and nothing but thin wrappers.
//!
//! What every Unix has stands in `unix.rs`. What only Linux has stands in `linux.rs` and `proc.rs`, and
//! `portable.rs` answers for the same functions where the kernel has nothing of the kind.
//! `--cfg mirakuru_fallback` chooses the twin on Linux too, so that the suite can run on it.

use std::time::{Duration, Instant};

mod fd_slots;
mod fs;
mod unix;

#[cfg_attr(all(target_os = "linux", not(mirakuru_fallback)), path = "linux/mod.rs")]
#[cfg_attr(not(all(target_os = "linux", not(mirakuru_fallback))), path = "fallback.rs")]
mod platform;

pub(crate) use fd_slots::{ExecWithListenPid, FD_SLOTS, FdSlots, InstalledFds};
pub(crate) use fs::{create_private_dir, short_temp_dir, write_atomically};
pub(crate) use platform::*;
pub(crate) use unix::*;

/// When a wait of this length is over. One that is longer than anybody waits is cut.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60))
}

/// What the kernel says of a TCP address.
#[cfg_attr(mirakuru_fallback, allow(dead_code, reason = "the twin never knows"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// Nobody listens there.
    None,
    /// A socket with this inode listens there.
    Socket(u64),
    /// This system does not tell; only a connection can.
    Unknown,
}
