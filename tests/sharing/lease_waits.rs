//! Waiting for a lease within one process: who is woken, and which time counts.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::test_process::{self, TestProcess};
use mirakuru_tests::{eventually, this_test};
use nix::sys::signal::Signal;

const LONG: Duration = Duration::from_secs(20);

/// Returns how many times the calling thread has slept.
fn sleeps() -> usize {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let sleeps = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    sleeps.map_or(0, |sleeps| sleeps.trim().parse().unwrap())
}

/// Runs in a process of its own, which no runner has started: its tests share within it.
#[test]
fn each_hand_over_wakes_one_of_a_thousand_waiters() {
    if test_process::role().is_none() {
        let output = test_process::playing(this_test!(), "waits").output().unwrap();
        return assert!(output.status.success(), "{}", test_process::printed(&output));
    }
    static SERVER: Shared = Shared::new(|| Executor::new("sleep 600").name("thousand"));
    const WAITERS: usize = 1000;
    let first = SERVER.exclusive().unwrap();
    let slept: usize = thread::scope(|scope| {
        let wait = || {
            let before = sleeps();
            drop(SERVER.exclusive().unwrap());
            sleeps() - before
        };
        let small = || thread::Builder::new().stack_size(512 * 1024);
        let waiters: Vec<_> =
            (0..WAITERS).map(|_| small().spawn_scoped(scope, wait).unwrap()).collect();
        drop(first);
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum()
    });
    // Waking all of them each time would be 500 sleeps for each of them.
    assert!(slept < WAITERS * 50, "{slept} sleeps");
}

#[test]
fn a_lease_wait_does_not_count_the_time_in_which_the_process_was_stopped() {
    if test_process::role().is_some() {
        return waits_for_a_lease();
    }
    let mut command = test_process::playing(this_test!(), "waits");
    let mut waiting = TestProcess::start(command.env("MIRAKURU_LEASE_TIMEOUT", "1s"));
    waiting.line("waits");
    test_process::kill(waiting.pid(), Signal::SIGSTOP);
    let continued = Instant::now() + Duration::from_millis(1500);
    eventually(LONG, || Instant::now() >= continued);
    test_process::kill(waiting.pid(), Signal::SIGCONT);
    assert!(waiting.finish().success());
}

fn waits_for_a_lease() {
    static SERVER: Shared = Shared::new(|| Executor::new("sleep 600").name("stopped-waiter"));
    let held = SERVER.exclusive().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| SERVER.lease().map(drop).unwrap());
        let waits = Instant::now() + Duration::from_millis(200);
        eventually(LONG, || Instant::now() >= waits);
        test_process::say("waits");
        test_process::wait_for_end_of_input();
        drop(held);
    });
}
