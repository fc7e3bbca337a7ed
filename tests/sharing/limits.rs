//! Leases where something is short: descriptors, or time.

use std::process::Command;

use mirakuru_rstest::Executor;
use mirakuru_tests::test_process::{self, TestProcess};
use nix::sys::signal::Signal;

use crate::run::{Run, all_passed, as_program, run_all};

/// The same command in a shell that sets a limit before it.
fn with_limit(limit: &str, command: &Command) -> Command {
    let mut shell = as_program(command, "/bin/sh".as_ref());
    let script = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    shell.arg("-c").arg(script).args(words);
    shell
}

#[test]
fn a_process_with_too_few_descriptors_fails_only_its_own_lease() {
    for (role, is_process_per_test) in
        [("has few descriptors", true), ("has few descriptors within one process", false)]
    {
        let run = Run::new();
        let mut command = run.test(role);
        if !is_process_per_test {
            command.env_remove("NEXTEST_EXECUTION_MODE");
        }
        all_passed(&run_all(vec![command], 1));
        run.abandon();
    }
}

#[test]
fn a_supervisor_serves_more_leases_than_the_usual_number_of_descriptors() {
    let run = Run::new();
    let starter = with_limit("-S -n 1024", &run.test("uses the session's"));
    all_passed(&run_all(vec![starter], 1));
    let holders = (0..12).map(|_| run.test("holds a hundred leases")).collect();
    all_passed(&run_all(holders, 12));
    assert_eq!(run.starts(), 1);
    run.finish();
}

#[test]
fn a_supervisor_without_descriptors_sleeps_until_a_lease_ends() {
    let run = Run::new();
    let starter = with_limit("-n 64", &run.test("uses the session's"));
    all_passed(&run_all(vec![starter], 1));
    let mut greedy = run.test("holds all leases it gets");
    greedy.env("MIRAKURU_LEASE_TIMEOUT", "0.5");
    let greedy = run_all(vec![greedy], 1);
    all_passed(&greedy);
    let printed = test_process::printed(&greedy[0]);
    let reason = "it has as many file descriptors as it may, 64, and each lease takes one";
    assert!(cfg!(mirakuru_fallback) || printed.contains(reason), "{printed}");
    all_passed(&run_all((0..8).map(|_| run.test("uses the session's")).collect(), 8));
    assert_eq!(run.starts(), 1);
    run.finish();
}

#[test]
fn a_server_has_the_limit_of_descriptors_of_its_tests() {
    let run = Run::new();
    let command = with_limit("-S -n 123", &run.test("counts its descriptors"));
    let output = &run_all(vec![command], 1)[0];
    let printed = test_process::printed(output);
    assert!(printed.contains("its server may have 123"), "{printed}");
}

#[test]
fn a_process_that_was_waited_out_fails_the_next_lease_at_once() {
    let run = Run::new();
    let mut holder = TestProcess::start(&mut run.test("holds"));
    holder.line("holds");
    let refused = |limit: &str| {
        let output = run.test("is one too many").env("MIRAKURU_LEASE_TIMEOUT", limit).output();
        test_process::printed(&output.unwrap())
    };
    let first = refused("0.3");
    assert!(
        first.contains(&format!("within 0.300 s by pid {} (`holds`)", holder.pid())),
        "{first}"
    );
    let next = refused("60");
    let held = format!("session is still held by pid {} (`holds`)", holder.pid());
    assert!(next.contains(&held), "{next}");
    assert!(holder.finish().success());
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    run.finish();
}

#[test]
fn a_supervisor_that_does_not_answer_is_named_as_the_reason() {
    let run = Run::new();
    let mut keeper = TestProcess::start(&mut run.test("keeps the branched one"));
    let supervisor = keeper.number("has pid ");
    test_process::kill(supervisor, Signal::SIGSTOP);
    let mut next = run.test("uses the branched one");
    let output = next.env("MIRAKURU_LEASE_TIMEOUT", "0.3").output();
    test_process::kill(supervisor, Signal::SIGCONT);
    let printed = test_process::printed(&output.unwrap());
    assert!(printed.contains("within 0.300 s: its supervisor does not answer"), "{printed}");
    keeper.finish();
    run.finish();
}

/// Shows how many descriptors its server may have.
pub(crate) fn counts_its_descriptors() {
    let script = "echo may have $(ulimit -S -n); exec sleep 600";
    let server = Executor::shell(script).output("may have").start().unwrap();
    println!("its server {}", server.log().read().unwrap());
}
