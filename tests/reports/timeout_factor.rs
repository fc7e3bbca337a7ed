//! `MIRAKURU_TIMEOUT_FACTOR` multiplies the time limits of all waits.

use std::process::{Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::test_process;

static SHARED: Shared = Shared::new(|| Executor::new("sleep 60").name("shared"));

/// Plays a role for another test: a test process that waits in vain for a fifth of a second, times the
/// factor.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    let limit = Duration::from_millis(200);
    let began = Instant::now();
    let error = match role.as_str() {
        "start" => Executor::new("sleep 60").output("never").timeout(limit).start().unwrap_err(),
        "step" => {
            Executor::new("sleep 60").before_start("sleep 60").timeout(limit).start().unwrap_err()
        }
        "log" => {
            let process = Executor::new("sleep 60").start().unwrap();
            process.log().wait_for("never", limit).unwrap_err()
        }
        "end" => {
            let mut process = Executor::new("sleep 60").start().unwrap();
            process.wait_timeout(limit).unwrap_err()
        }
        "lease" => {
            let _lease = SHARED.exclusive().unwrap();
            thread::scope(|scope| scope.spawn(|| SHARED.lease().unwrap_err()).join().unwrap())
        }
        "stop" => {
            let script = "trap '' TERM; echo ready; while :; do sleep 0.02; done";
            let executor = Executor::shell(script).output("ready").stop_timeout(limit);
            return drop(executor.start().unwrap());
        }
        other => panic!("no role is called {other}"),
    };
    println!("took {} ms\n{error:?}", began.elapsed().as_millis());
}

fn output(role: &str, factor: &str) -> Output {
    let mut command = test_process::playing("timeout_factor::plays_a_role", role);
    command.env("MIRAKURU_TIMEOUT_FACTOR", factor).env("MIRAKURU_LEASE_TIMEOUT", "200ms");
    command.stdin(Stdio::null()).output().unwrap()
}

/// Checks that a wait had this time limit, and that its message shows this.
#[track_caller]
fn check(role: &str, factor: &str, limit: &str, millis: u64) {
    let printed = test_process::printed(&output(role, factor));
    assert!(printed.contains(limit), "{role}: {printed}");
    let took = printed.split_once("took ").and_then(|(_, rest)| rest.split_once(" ms"));
    let took: u64 = took.unwrap().0.parse().unwrap();
    assert!(took >= millis, "{role} took {took} ms: {printed}");
}

#[test]
fn every_wait_takes_as_many_times_as_long_and_its_message_says_so() {
    let limit = "within 0.600 s (0.200 s, MIRAKURU_TIMEOUT_FACTOR=3)";
    for role in ["start", "step", "log", "end", "lease"] {
        check(role, "3", limit, 600);
    }
    let printed = test_process::printed(&output("stop", "3"));
    let limit = "its stop timeout of 0.600 s (0.200 s, MIRAKURU_TIMEOUT_FACTOR=3) and was killed";
    assert!(printed.contains(limit), "{printed}");
}

#[test]
fn a_factor_may_be_less_than_one() {
    check("start", "0.5", "within 0.100 s (0.200 s, MIRAKURU_TIMEOUT_FACTOR=0.5)", 100);
}

#[test]
fn a_factor_of_one_is_not_mentioned() {
    for factor in ["", "1"] {
        check("start", factor, "within 0.200 s: a line of output", 200);
    }
}

#[test]
fn a_factor_that_is_no_positive_number_fails_the_first_start() {
    for factor in ["0", "-1", "soon", "inf"] {
        let printed = test_process::printed(&output("start", factor));
        let error = format!(
            "the environment variable MIRAKURU_TIMEOUT_FACTOR cannot be `{factor}`\n  help: give a \
             positive number, as `3` or `1.5`"
        );
        assert!(printed.contains(&error), "{printed}");
    }
}
