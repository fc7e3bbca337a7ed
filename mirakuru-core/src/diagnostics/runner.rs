//! Finds the program that runs the test binaries. Its life is one run of the tests, a session.

use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::sys;

/// The usual names of the programs that run test binaries.
const RUNNERS: [&str; 2] = ["cargo", "cargo-nextest"];

/// A process whose life is one run of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) pid: i32,
    pub(crate) started: u64,
}

/// The variable that sets the runner: a process id.
pub(super) const SESSION: &str = "MIRAKURU_SESSION";

/// Cargo's variable for its own path, and the one by which nextest tells its runs apart.
const CARGO: &str = "CARGO";
const NEXTEST_RUN: &str = "NEXTEST_RUN_ID";

/// The nextest that runs this process, noted before `main`. If it ends, this process gets another parent,
/// which has not set the variable of the run either.
static NEXTEST: OnceLock<Option<Runner>> = OnceLock::new();

/// Notes the runner before it can end, if it is nextest.
pub(crate) fn note() {
    if std::env::var_os(NEXTEST_RUN).is_some() {
        let _ = NEXTEST.set(nextest().and_then(Runner::of)); // It is called once.
    }
}

impl Runner {
    fn of(pid: i32) -> Option<Self> {
        Some(Self { pid, started: sys::start_time(pid)? })
    }

    /// Returns the runner of a file or directory whose name begins with it.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let mut numbers = name.split('-');
        let pid = numbers.next()?.parse().ok()?;
        Some(Self { pid, started: numbers.next()?.parse().ok()? })
    }

    pub(crate) fn is_alive(self) -> bool {
        sys::Process::open(self.pid, self.started).is_some()
    }
}

/// Writes the beginning of a name.
impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.pid, self.started)
    }
}

/// Returns the nextest that runs this process, if it was noted.
pub(super) fn noted_nextest() -> Option<Runner> {
    NEXTEST.get().copied().flatten()
}

/// Returns the process that `MIRAKURU_SESSION` names, or else the nearest ancestor that is a runner.
pub(crate) fn find() -> Result<Option<Runner>> {
    if let Ok(value) = std::env::var(SESSION) {
        return named_runner(&value).map(Runner::of);
    }
    Ok(noted_nextest().or_else(|| nextest().or_else(cargo).and_then(Runner::of)))
}

/// Returns true if the variables of a runner are set.
pub(crate) fn is_expected() -> bool {
    [CARGO, NEXTEST_RUN].iter().any(|name| std::env::var_os(name).is_some())
}

/// Returns the nearest ancestor that has not got the variable of this run, but has set it.
fn nextest() -> Option<i32> {
    let variable = format!("{NEXTEST_RUN}={}", std::env::var(NEXTEST_RUN).ok()?);
    ancestors().find(|pid| sys::has_variable(*pid, &variable) == Some(false))
}

/// Returns the nearest ancestor that runs the file of cargo, or a runner by its name.
fn cargo() -> Option<i32> {
    let cargo = std::env::var_os(CARGO).map(PathBuf::from);
    ancestors().find(|pid| {
        let name = sys::program_name(*pid);
        cargo.as_ref().is_some_and(|cargo| sys::runs_program(*pid, cargo))
            || name.is_some_and(|name| RUNNERS.contains(&name.as_str()))
    })
}

fn ancestors() -> impl Iterator<Item = i32> {
    let own = std::process::id() as i32;
    std::iter::successors(sys::parent_of(own), |pid| sys::parent_of(*pid))
}

fn named_runner(value: &str) -> Result<i32> {
    let pid = value.parse().ok().filter(|pid| *pid > 0 && sys::is_alive(*pid));
    pid.ok_or_else(|| {
        let what = format!("the environment variable {SESSION} is `{value}`, which is not the id of a running process");
        Error::invalid(what)
    })
}
