//! The entry point of the supervisor: a constructor, which runs before `main` of the test binary.
//!
//! Nothing else of the crate runs before `main`. In other processes, the constructor only checks two
//! environment variables, and below nextest finds that.
//!
//! It comes before the constructors of the user: linkers sort the sections `.init_array.NNNNN`, and
//! put `.init_array` behind them. Those of Apple and illumos do not; there, the order is that of the
//! object files. `naked` keeps a feature of `ctor` that a user turns on from adding a number.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::panic;

use super::supervisor::Supervisor;
use crate::diagnostics::{other_server, runner};
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
    let Some(value) = std::env::var_os(VARIABLE) else { return runner::note() };
    // `main` cannot be allowed to run: it would run the tests again.
    let served = panic::catch_unwind(|| serve(&value));
    let result = served.unwrap_or_else(|_| Err("the supervisor panicked".to_owned()));
    // Standard error is the log of the server. There is no other place for it.
    let _ = result.as_ref().inspect_err(|what| drop(writeln!(io::stderr(), "mirakuru: {what}")));
    sys::exit_now(if result.is_ok() { 0 } else { FAILED });
}

fn serve(value: &OsStr) -> Result<(), String> {
    // Nothing of a process that is no supervisor is changed.
    let settings = Settings::from_variable(value).filter(|_| sys::is_socket(&io::stdin()));
    let settings = settings.ok_or_else(|| {
        format!("{VARIABLE} is set, but not by a test that starts a process; unset it")
    })?;
    sys::set_name(other_server::SUPERVISOR);
    let supervisor = Supervisor::new(settings);
    supervisor.map_err(|error| format!("the supervisor cannot begin: {error}"))?.run();
    Ok(())
}
