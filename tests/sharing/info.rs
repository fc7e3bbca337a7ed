//! What `MIRAKURU_LOG=info` prints of servers that test processes share.

use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::test_process;

use crate::run::{Run, all_passed, run_all};

static SERVER: Shared = Shared::new(|| Executor::new("sleep 60").name("of the run"));

/// Plays the part of a test for another test.
#[test]
fn plays_a_test() {
    let Some(role) = test_process::role() else { return };
    drop(SERVER.lease().unwrap());
    if role == "restarts" {
        drop(SERVER.lease().unwrap());
        SERVER.exclusive().unwrap().restart().unwrap();
        drop(SERVER.lease().unwrap());
    }
}

#[test]
fn a_server_that_outlives_the_tests_says_whose_end_it_waits_for() {
    let run = Run::new();
    let test = |_| {
        let mut test = run.playing("info::plays_a_test", "leases");
        test.env("MIRAKURU_LOG", "info");
        test
    };
    let outputs = run_all((0..3).map(test).collect(), 2);
    all_passed(&outputs);
    let printed: String = outputs.iter().map(test_process::printed).collect();
    let line = format!(
        "mirakuru: of the run stops when mk-cat (pid {}) ends; no test process is left then to print that\n",
        run.runner_pid()
    );
    assert_eq!(printed.matches(&line).count(), 1, "{printed}");
    assert!(!printed.contains("stopped"), "{printed}");
    run.finish();
}

#[test]
fn a_server_of_one_test_process_says_that_it_has_stopped() {
    let mut test = test_process::playing("info::plays_a_test", "leases");
    let printed = test_process::printed(&test.env("MIRAKURU_LOG", "info").output().unwrap());
    assert!(printed.contains("mirakuru: stopped of the run: was ended by SIGTERM"), "{printed}");
    assert!(!printed.contains("stops when"), "{printed}");
}

#[test]
fn each_end_counts_the_leases_since_the_start_before_it() {
    let mut test = test_process::playing("info::plays_a_test", "restarts");
    let printed = test_process::printed(&test.env("MIRAKURU_LOG", "info").output().unwrap());
    let starts =
        ["started", "restarted"].map(|it| printed.matches(&format!(": {it} of the run")).count());
    assert_eq!(starts, [1, 1], "{printed}");
    let ends: Vec<_> =
        printed.lines().filter(|line| line.contains(": stopped of the run")).collect();
    let [first, last] = ends[..] else { panic!("{printed}") };
    assert!(first.ends_with(", after 3 leases") && last.ends_with(", after 1 lease"), "{printed}");
}
