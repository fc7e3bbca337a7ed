//! Where the supervisor begins: before `main`, in the same program as the tests.
//!
//! Nothing else of the crate runs before `main`. In a process that is no supervisor this is one
//! look at the environment.

use std::panic;

use super::Supervisor;
use crate::supervisor::protocol::{Settings, VARIABLE};
use crate::sys;

/// The supervisor could not begin its work.
const FAILED: i32 = 70;

#[ctor::ctor(unsafe)]
fn become_supervisor_if_asked() {
    let Some(value) = std::env::var_os(VARIABLE) else { return };
    // `main` must never run here, whatever happens: it would run the tests once more.
    let kept = panic::catch_unwind(|| {
        let settings = Settings::from_variable(&value)?;
        Supervisor::new(settings, sys::arguments()).ok()?.run();
        Some(())
    });
    sys::exit_now(if matches!(kept, Ok(Some(()))) { 0 } else { FAILED });
}
