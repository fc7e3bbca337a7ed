//! Test processes that end in a given way.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use mirakuru_tests::test_process::{self, TestProcess};
use mirakuru_tests::{alive, processes_with_mark};

use crate::shape;

/// A test process that has started its server.
pub(crate) struct Ending {
    pub(crate) process: TestProcess,
    mark: String,
}

impl Ending {
    pub(crate) fn start(end: &str, shape: &str, mark: &str, temp: &Path) -> Self {
        let mut command = playing("test_end::plays_a_role", end, mark, temp);
        let mut process = TestProcess::start(command.env("SHAPE", shape));
        process.line("started");
        Self { process, mark: mark.to_owned() }
    }

    /// Returns the processes that are left of it and its server.
    pub(crate) fn survivors(&self, temp: &Path) -> Vec<i32> {
        let mut left = processes_with_mark(&self.mark);
        let named = std::fs::read_to_string(temp.join("pid")).unwrap_or_default();
        left.extend(named.trim().parse::<i32>().into_iter().filter(|pid| alive(pid)));
        left
    }
}

/// Returns the command of a test process in a process group of its own.
pub(crate) fn playing(test: &str, role: &str, mark: &str, temp: &Path) -> Command {
    let mut command = test_process::playing(test, role);
    command.env("MARK", mark).env("TMPDIR", temp).process_group(0);
    command
}

/// Plays a role for another test.
#[test]
fn plays_a_role() {
    let Some(end) = test_process::role() else { return };
    let (shape, mark) = (test_process::value("SHAPE"), test_process::value("MARK"));
    let server = shape::start(&shape, &mark, &std::env::temp_dir().join("pid"));
    if end == "panics in an aborting program" {
        // `panic = "abort"` has this effect.
        std::panic::set_hook(Box::new(|_| std::process::abort()));
    }
    test_process::say("started");
    test_process::wait_for_end_of_input();
    match end.as_str() {
        "passes" => drop(server),
        "fails" | "panics in an aborting program" => panic!("as it should"),
        "forgets" => std::mem::forget(server),
        "exits" => std::process::exit(3),
        "aborts" => std::process::abort(),
        "executes" => panic!("{}", Command::new("true").exec()),
        other => panic!("no role is called {other}"),
    }
}
