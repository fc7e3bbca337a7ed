//! Shared processes that cannot be leased.

use std::sync::mpsc;
use std::thread;

use expect_test::expect;
use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::test_process;

use crate::normal::{check, normal};

#[test]
fn by_a_test_that_has_it() {
    static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 60").name("conflict"));
    let _lease = SLEEPER.lease().unwrap();
    check(
        &SLEEPER.exclusive().unwrap_err(),
        &expect![[r#"
            conflict: this test leases it already, so it would wait for itself
              help: use the lease that the test has; if it is that of a process which needs this one, ask for this one first, or for both by attributes
        "#]],
    );
}

#[test]
fn because_it_is_not_given_back() {
    let mut tests = test_process::playing("leased::plays_a_role", "waiter");
    let output = tests.env("MIRAKURU_LEASE_TIMEOUT", "0.3").output().unwrap();
    let printed = test_process::printed(&output);
    let report = printed.split("REPORT ").nth(1).and_then(|rest| rest.split("END").next()).unwrap();
    expect![[r#"
        kept was not returned within 0.300 s by test of another
          help: if the tests wait for each other, give each of them all its processes by attributes, which lease them in one order; if they are slow, raise MIRAKURU_LEASE_TIMEOUT
    "#]].assert_eq(&normal(report));
}

/// Plays a role for another test: one test keeps another one waiting for a process.
#[test]
fn plays_a_role() {
    static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 60").name("kept"));
    if test_process::role().is_none() {
        return;
    }
    let (is_held, held) = mpsc::channel();
    let (is_over, over) = mpsc::channel::<()>();
    let keeper = thread::Builder::new().name("test of another".to_owned());
    let keeper = keeper.spawn(move || {
        let lease = SLEEPER.exclusive().unwrap();
        is_held.send(()).unwrap();
        let _ = over.recv(); // The sender is dropped when the other test has its error.
        drop(lease);
    });
    held.recv().unwrap();
    println!("REPORT {:?}\nEND", SLEEPER.lease().unwrap_err());
    drop(is_over);
    keeper.unwrap().join().unwrap();
}

#[test]
fn because_it_does_not_start() {
    static BROKEN: Shared = Shared::new(|| Executor::new("false").name("broken").output("ready"));
    check(
        &BROKEN.lease().unwrap_err(),
        &expect![[r#"
            broken: exited with code 1 before it was ready
              command: false
              waited for: a line of output that matches `ready`
              last observation: nothing was written (checked N times in TIME of 30.0 s)
              process: exited with code 1
              output: none (LOG)
        "#]],
    );
}
