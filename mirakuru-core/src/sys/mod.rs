//! System calls: the only unsafe code of the crate, and nothing but thin wrappers.
//!
//! What every Unix has stands in `unix.rs`. What only Linux has stands in `linux.rs` and `proc.rs`, and
//! `portable.rs` answers for the same functions where the kernel has nothing of the kind.
//! `--cfg mirakuru_portable` chooses the twin on Linux too, so that the suite can run on it.

use std::time::{Duration, Instant};

mod numbers;
mod unix;

#[cfg_attr(all(target_os = "linux", not(mirakuru_portable)), path = "linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(mirakuru_portable))), path = "portable.rs")]
mod platform;

#[cfg(all(target_os = "linux", not(mirakuru_portable)))]
mod proc;
#[cfg(all(target_os = "linux", not(mirakuru_portable)))]
mod sock_diag;

pub(crate) use numbers::{NUMBERS, Numbers, Placed, ToldItsPid};
pub(crate) use platform::*;
#[cfg(all(target_os = "linux", not(mirakuru_portable)))]
pub(crate) use proc::*;
pub(crate) use unix::*;

/// When a wait of this length is over. One that is longer than anybody waits is cut.
pub(crate) fn deadline_after(timeout: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(timeout).unwrap_or(now + Duration::from_secs(365 * 24 * 60 * 60))
}

/// What the kernel says of a TCP address.
#[cfg_attr(mirakuru_portable, allow(dead_code, reason = "the twin never knows"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    /// Nobody listens there.
    Nobody,
    /// A socket with this inode listens there.
    Socket(u64),
    /// This system does not tell; only a connection can.
    Unknown,
}
