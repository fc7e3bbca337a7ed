//! Sync tests with rstest's time limit, which leaves their bodies behind with what they have leased.

use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor, Lease, Process, process_fixture, with_process};
use mirakuru_tests::test_process;
use rstest::rstest;

#[process_fixture]
fn lent() -> Executor {
    Executor::new("sleep 600").name("lent")
}

#[rstest]
#[timeout(Duration::from_secs(20))]
fn a_body_that_asks_again_for_what_its_fixture_has_gets_an_error(lent: Lease) {
    let error = lent::shared().exclusive().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Lease);
    assert!(error.to_string().contains("this test leases it already"), "{error}");
    let again = lent::shared().lease().unwrap();
    assert_eq!(again.pid(), lent.pid());
}

/// Tests that run one after the other, in the order of their names.
mod in_order {
    use super::*;

    #[process_fixture]
    fn kept() -> Executor {
        let script = "echo boot; sleep 0.2; echo deadlock in worker 7; exec sleep 600";
        Executor::shell(script).name("kept").output("boot")
    }

    #[with_process(kept)]
    #[rstest]
    #[timeout(Duration::from_secs(1))]
    fn a_hangs(kept: &mut Process) {
        while test_process::role().is_some() && kept.is_running() {
            std::thread::park();
        }
    }

    #[with_process(kept)]
    #[rstest]
    fn b_waits(kept: &Process) {
        assert!(kept.is_running());
    }

    #[with_process(kept)]
    #[rstest]
    fn c_does_not_wait(kept: &Process) {
        assert!(kept.is_running());
    }
}

#[test]
fn a_body_that_is_left_behind_with_a_lease_costs_later_tests_one_wait() {
    let mut tests = test_process::capturing("time_limit::in_order::");
    tests.arg("--test-threads=1").env(test_process::ROLE, "hangs");
    let output = tests.env("MIRAKURU_LEASE_TIMEOUT", "0.3").output().unwrap();
    let printed = test_process::printed(&output);
    for part in [
        "Timeout 1s expired\n",
        "\n--- kept: running as pid ",
        "\n    deadlock in worker 7\n",
        "kept was not returned within 0.300 s by time_limit::in_order::a_hangs\n",
        "kept is still held by time_limit::in_order::a_hangs, which did not return it to an earlier",
    ] {
        assert!(printed.contains(part), "`{part}` is not in {printed}");
    }
}
