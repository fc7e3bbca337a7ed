//! A server of a session that a failed test has used, with `MIRAKURU_KEEP=failed`.

use mirakuru_tests::test_process;
use nix::sys::signal::Signal;

use crate::run::{Run, all_passed, run_all};

#[test]
fn the_server_of_a_failed_test_outlives_the_runner_and_no_other_one_does() {
    let mut run = Run::new();
    let mut test = run.test("panics");
    let output = test.env("MIRAKURU_KEEP", "failed").output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("--- session is kept running"), "{printed}");
    let supervisor = printed.split_once("help: `kill ").unwrap().1.split_once('`').unwrap().0;
    // It is shared as before, and one that no failed test has used ends with the run.
    let mut other = run.test("uses the binary's");
    let other = other.env("MIRAKURU_KEEP", "failed");
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    all_passed(&[other.output().unwrap()]);
    assert_eq!(run.starts(), 2);

    run.kill_runner();
    mirakuru_tests::eventually(crate::run::LONG, || run.stops() == 1);
    assert!(!run.processes().is_empty());
    test_process::kill(supervisor.parse().unwrap(), Signal::SIGTERM);
    run.finish();
}
