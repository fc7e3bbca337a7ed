//! Test processes, starters, supervisors and runners that are killed.

use std::io::{BufRead, BufReader};
use std::process::Child;

use mirakuru_tests::{alive, eventually};

use crate::run::{LONG, Run, all_passed, run_all};

/// A test process that uses the server until it is killed, and the server's pid.
fn staying(run: &Run) -> (Child, i32) {
    let mut child = run.test("stays").spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
    let mut pids = lines.filter_map(|line| line.strip_prefix("has pid ")?.parse().ok());
    let pid = pids.next().expect("the part has a lease");
    (child, pid)
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_user_gives_its_lease_back() {
    let run = Run::new();
    let (mut user, pid) = staying(&run);
    kill(&mut user);
    all_passed(&run_all(vec![run.test("writes")], 1));
    assert!(run.starts() >= 1 && !alive(pid), "the writer has restarted it");
    run.finish();
}

#[test]
fn the_server_outlives_the_one_that_has_started_it() {
    let run = Run::new();
    let (mut starter, pid) = staying(&run);
    let (mut user, same) = staying(&run);
    assert_eq!(pid, same);
    kill(&mut starter);
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    assert!(alive(pid));
    assert_eq!(run.starts(), 1);
    kill(&mut user);
    run.finish();
}

#[test]
fn everything_ends_with_the_runner_though_tests_still_run() {
    let mut run = Run::new();
    let (mut user, pid) = staying(&run);
    run.kill_runner();
    eventually(LONG, || !alive(pid));
    kill(&mut user);
    run.finish();
}

#[test]
fn test_processes_killed_at_any_moment_hold_nobody_up() {
    let run = Run::new();
    for round in 0..40u32 {
        let part = if round % 3 == 0 { "writes" } else { "uses the session's" };
        let mut children: Vec<_> = (0..4).map(|_| run.test(part).spawn().unwrap()).collect();
        // Moments from the first instruction on to the end.
        for (number, child) in children.iter_mut().enumerate() {
            wait_a_little(child, (round * 7 + number as u32 * 13) % 40);
            kill(child);
        }
        if round % 10 == 9 {
            all_passed(&run_all((0..4).map(|_| run.test("uses the session's")).collect(), 4));
        }
    }
    run.finish();
}

/// Waits for some milliseconds in which the child does not end.
fn wait_a_little(child: &mut Child, millis: u32) {
    let end = std::time::Instant::now() + std::time::Duration::from_millis(millis.into());
    while std::time::Instant::now() < end && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn a_run_right_after_another_starts_afresh() {
    let first = Run::new();
    let (mut user, pid) = staying(&first);
    let second = Run::new();
    let (mut other, other_pid) = staying(&second);
    assert_ne!(pid, other_pid);
    kill(&mut user);
    kill(&mut other);
    first.finish();
    all_passed(&run_all(vec![second.test("uses the session's")], 1));
    assert_eq!(second.starts(), 1);
    second.finish();
}
