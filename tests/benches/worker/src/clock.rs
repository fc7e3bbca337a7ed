//! Clocks.

use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Returns the time of `CLOCK_MONOTONIC`, which is the same in all processes, in nanoseconds.
pub fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has this clock");
    Duration::from(now).as_nanos() as u64
}

/// Returns the processor time that a process has used, user and system, in nanoseconds; 0 if it is gone.
pub fn cpu(pid: i32) -> u64 {
    let clock = clock_getcpuclockid(Pid::from_raw(pid));
    let used = clock.and_then(clock_gettime);
    used.map_or(0, |used| Duration::from(used).as_nanos() as u64)
}

/// Returns the processor time of this process.
pub fn own_cpu() -> u64 {
    cpu(0)
}

pub fn millis(nanos: u64) -> f64 {
    nanos as f64 / 1e6
}
