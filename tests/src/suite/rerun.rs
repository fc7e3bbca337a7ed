//! Runs tests of this binary in a process of its own, to see what its end leaves behind.

use std::process::{Command, Output};

/// Set in a process that plays a part for a test; its value is the part.
pub const PART: &str = "MIRAKURU_TEST_PART";

/// The part that this process plays. A test that is not run for a part has nothing to do.
pub fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// This binary with one test of it, which is to play a part.
pub fn playing(test: &str, part: &str) -> Command {
    let mut command = tests(test);
    command.arg("--exact").env(PART, part);
    command
}

/// This binary with all tests whose names contain `filter`. They print as they go.
pub fn tests(filter: &str) -> Command {
    let mut command = captured(filter);
    command.arg("--nocapture");
    command
}

/// This binary with all tests whose names contain `filter`. What those that fail have printed is
/// printed at the end, test by test.
pub fn captured(filter: &str) -> Command {
    let own = std::env::current_exe().expect("this binary has a path");
    let mut command = Command::new(own);
    command.arg(filter).env_remove("RUST_TEST_NOCAPTURE");
    // What the outer runner says of itself is not true of the inner run.
    command.env_remove("NEXTEST_EXECUTION_MODE").env_remove("RUST_TEST_THREADS");
    command
}

/// All that a run printed, for the message of an assertion.
pub fn printed(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    format!("{}\n{stdout}\n{}", output.status, String::from_utf8_lossy(&output.stderr))
}
