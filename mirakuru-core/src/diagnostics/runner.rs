//! Finds the program that runs the test binaries. Its life is one run of the tests, a session.

use crate::error::{Error, Result};
use crate::sys;

/// The programs that run test binaries.
const RUNNERS: [&str; 2] = ["cargo", "cargo-nextest"];

/// A process whose life is one run of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) pid: i32,
    pub(crate) started: u64,
}

/// The variable that sets the runner: a process id.
const SESSION: &str = "MIRAKURU_SESSION";

/// Returns the process that `MIRAKURU_SESSION` names, or else the nearest ancestor that is a runner.
pub(crate) fn find() -> Result<Option<Runner>> {
    let named = match std::env::var(SESSION) {
        Ok(value) => Some(named_runner(&value)?),
        Err(_) => None,
    };
    let own = std::process::id() as i32;
    let mut ancestors = std::iter::successors(Some(own), |pid| sys::parent_of(*pid));
    let is_runner =
        |pid: &i32| sys::program_name(*pid).is_some_and(|name| RUNNERS.contains(&name.as_str()));
    let pid = named.or_else(|| ancestors.find(is_runner));
    Ok(pid.and_then(|pid| Some(Runner { pid, started: sys::start_time(pid)? })))
}

fn named_runner(value: &str) -> Result<i32> {
    let pid = value.parse().ok().filter(|pid| *pid > 0 && sys::is_alive(*pid));
    pid.ok_or_else(|| {
        let what = format!("the environment variable {SESSION} is `{value}`, which is not the id of a running process");
        Error::invalid(what)
    })
}
