//! A stack that tests share by a fixture of rstest.

use mirakuru_rstest::{Executor, RunningStack, Stack, StackLease};
use mirakuru_tests::starting::mark;
use mirakuru_tests::test_process::{self, capturing};
use mirakuru_tests::{processes_with_mark, scratch_dir};
use rstest::{fixture, rstest};

use crate::lines;

/// All tests of this process share it.
#[fixture]
#[once]
fn running() -> RunningStack {
    let mark = std::env::var("MARK").unwrap_or_default();
    let member = |name: &str| {
        let log = std::env::var("STARTS").unwrap_or_else(|_| "/dev/null".to_owned());
        let script = format!("echo {name} >> {log}; echo up; sleep 300 # {mark}");
        Executor::shell(script).output("^up$").env("DIR", "{dir}")
    };
    Stack::new().add("db", member("db")).add("app", member("app")).start().unwrap()
}

#[fixture]
fn stack(running: &'static RunningStack) -> StackLease<'static> {
    running.lease()
}

#[rstest]
#[case("db")]
#[case("app")]
fn plays_one_of_several_tests(stack: StackLease<'static>, #[case] name: &str) {
    assert!(stack[name].is_running());
}

#[rstest]
fn plays_a_test_that_fails(stack: StackLease<'static>) {
    let role = test_process::role();
    let has_failed = role.is_some() && stack["db"].is_running();
    assert!(!has_failed, "on purpose");
}

#[test]
fn a_stack_of_a_fixture_is_started_once_and_stopped_when_the_tests_are_over() {
    let (dir, mark) = (scratch_dir(), mark());
    let starts = dir.join("starts");
    let mut command = capturing("fixtures::plays_one_of_several_tests");
    let output = command.env("STARTS", &starts).env("MARK", &mark).output().unwrap();
    let printed = test_process::printed(&output);
    assert!(output.status.success() && printed.contains("2 passed"), "{printed}");
    // Not later either: the program has waited for the end of them.
    assert_eq!(processes_with_mark(&mark), []);
    let mut started = lines(&starts);
    started.sort();
    assert_eq!(started, ["app", "db"]);
}

#[test]
fn a_test_that_fails_prints_what_the_members_have_written_since_it_began() {
    let output = capturing("fixtures::plays").env(test_process::ROLE, "fails").output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("on purpose"), "{printed}");
    for part in ["--- db: running as pid", "--- app: running as pid"] {
        assert_eq!(printed.matches(part).count(), 1, "{printed}");
    }
}
