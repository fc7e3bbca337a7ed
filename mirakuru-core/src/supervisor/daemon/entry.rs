//! The entry point of the supervisor: a constructor, which runs before `main` of the test binary.
//!
//! Nothing else of the crate runs before `main`. In other processes, the constructor only checks one
//! environment variable.
//!
//! It comes before the constructors of the user: linkers sort the sections `.init_array.NNNNN`, and
//! put `.init_array` behind them. Those of Apple and illumos do not; there, the order is that of the
//! object files. `naked` keeps a feature of `ctor` that a user turns on from adding a number.

use std::panic;

use super::supervisor::Supervisor;
use crate::diagnostics::other_server;
use crate::supervisor::settings::{Settings, VARIABLE};
use crate::sys;

/// The exit code of a supervisor that could not begin. `EX_SOFTWARE` of sysexits.h.
const FAILED: i32 = 70;

#[cfg_attr(
    any(target_vendor = "apple", target_os = "illumos", target_os = "solaris"),
    ctor::ctor(unsafe, naked)
)]
#[cfg_attr(
    not(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris")),
    ctor::ctor(unsafe, naked, link_section = ".init_array.00001")
)]
fn become_supervisor_if_asked() {
    let Some(value) = std::env::var_os(VARIABLE) else { return };
    // `main` cannot be allowed to run: it would run the tests again.
    let served = panic::catch_unwind(|| {
        let settings = Settings::from_variable(&value)?;
        sys::set_name(other_server::SUPERVISOR);
        Supervisor::new(settings).ok()?.run();
        Some(())
    });
    sys::exit_now(if matches!(served, Ok(Some(()))) { 0 } else { FAILED });
}
