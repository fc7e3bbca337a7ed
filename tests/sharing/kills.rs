//! Test processes, starters, supervisors and runners that are killed.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use mirakuru_tests::test_process::{self, TestProcess};
use mirakuru_tests::{Random, alive, budget, eventually, free_port, seed};
use nix::sys::signal::Signal;

use crate::needs;
use crate::run::{LONG, Run, all_passed, run_all, session_directories};

/// Starts a test process that uses the server until it is killed; returns the server's pid too.
fn staying(run: &Run) -> (TestProcess, u32) {
    holding(run, "stays")
}

/// Starts a test process that holds a lease until it is killed; returns the server's pid too.
fn holding(run: &Run, role: &str) -> (TestProcess, u32) {
    let mut process = TestProcess::start(&mut run.test(role));
    let pid = process.number("has pid ");
    (process, pid)
}

#[test]
fn the_lease_of_a_killed_test_process_is_released() {
    let run = Run::new();
    let (mut user, pid) = staying(&run);
    user.signal(Signal::SIGKILL);
    all_passed(&run_all(vec![run.test("writes")], 1));
    assert!(run.starts() >= 1 && !alive(pid), "the writer has restarted it");
    run.finish();
}

#[test]
fn what_a_killed_user_had_paused_or_stopped_runs_for_the_next_one() {
    for role in ["pauses", "stops"] {
        let run = Run::new();
        let (mut user, _) = holding(&run, role);
        user.signal(Signal::SIGKILL);
        all_passed(&run_all(vec![run.test("uses the session's")], 1));
        run.finish();
    }
}

#[test]
fn the_server_outlives_the_one_that_has_started_it() {
    let run = Run::new();
    let (mut starter, pid) = staying(&run);
    let (mut user, same) = staying(&run);
    assert_eq!(pid, same);
    starter.signal(Signal::SIGKILL);
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    assert!(alive(pid));
    assert_eq!(run.starts(), 1);
    user.signal(Signal::SIGKILL);
    run.finish();
}

#[test]
fn everything_ends_with_the_runner_though_tests_still_run() {
    let mut run = Run::new();
    let (mut user, pid) = staying(&run);
    run.kill_runner();
    eventually(LONG, || !alive(pid));
    user.signal(Signal::SIGKILL);
    run.finish();
}

/// Starts a test process that keeps a lease of a server whose child listens on a fixed port, and kills
/// the supervisor.
fn losing_its_supervisor(run: &Run, port: u16) -> TestProcess {
    let mut keeper =
        TestProcess::start(run.test("keeps the branched one").env("PORT", port.to_string()));
    let supervisor = keeper.number("has pid ");
    test_process::kill(supervisor, Signal::SIGKILL);
    eventually(LONG, || !alive(supervisor));
    keeper
}

#[test]
fn the_children_of_a_shared_server_do_not_outlive_its_supervisor_and_the_lease() {
    let run = Run::new();
    let mut keeper = losing_its_supervisor(&run, free_port());
    keeper.finish();
    eventually(LONG, || run.processes().is_empty());
}

#[test]
fn a_supervisor_that_was_killed_costs_the_rest_of_the_run_nothing() {
    let run = Run::new();
    let port = free_port();
    let _keeper = losing_its_supervisor(&run, port);
    let next = || {
        let mut test = run.test("uses the branched one");
        test.env("PORT", port.to_string());
        test
    };
    all_passed(&run_all((0..4).map(|_| next()).collect(), 4));
    assert_eq!(run.starts(), 2);
    run.finish();
}

#[test]
fn the_next_session_ends_what_a_killed_supervisor_and_its_tests_have_left() {
    let mut first = Run::new();
    losing_its_supervisor(&first, free_port()).signal(Signal::SIGKILL);
    first.kill_runner();
    is_cleared_by_the_next_session(&first);
}

#[test]
fn the_next_session_ends_what_a_supervisor_left_that_was_killed_while_it_stopped_its_server() {
    let mut first = Run::new();
    let (mut keeper, supervisor) = holding(&first, "keeps the stubborn one");
    keeper.finish();
    first.kill_runner();
    let is_shared = || session_directories(&first.temp).iter().any(|dir| has_socket(dir));
    eventually(LONG, || !is_shared());
    test_process::kill(supervisor, Signal::SIGKILL);
    eventually(LONG, || !alive(supervisor));
    assert!(!first.processes().is_empty(), "its child has outlived it");
    is_cleared_by_the_next_session(&first);
}

/// Runs a test of another session, and waits until nothing of the first one is left.
fn is_cleared_by_the_next_session(first: &Run) {
    let second = Run::new();
    let mut next = second.test("uses the session's");
    next.env("TMPDIR", &*first.temp);
    all_passed(&run_all(vec![next], 1));
    eventually(LONG, || first.processes().is_empty());
    second.abandon();
    eventually(LONG, || session_directories(&first.temp).is_empty());
}

#[test]
fn a_fork_of_a_killed_test_process_keeps_no_lease() {
    let run = Run::new();
    // The process that has started the server is watched in any case.
    all_passed(&run_all(vec![run.test("uses the session's")], 1));
    let (mut holder, _) = holding(&run, "forks");
    holder.signal(Signal::SIGKILL);
    let mut next = run.test("writes");
    next.env("MIRAKURU_LEASE_TIMEOUT", "10");
    all_passed(&run_all(vec![next], 1));
    holder.go_on();
    run.finish();
}

#[test]
fn a_supervisor_that_hears_at_once_of_all_and_of_the_end_of_its_starter_goes_on() {
    let run = Run::new();
    let (mut starter, supervisor) = holding(&run, "pauses its supervisor");
    // It is shared from now on; the paused supervisor does not know that yet.
    eventually(LONG, || {
        session_directories(&run.temp).iter().any(|directory| has_socket(directory))
    });
    starter.signal(Signal::SIGKILL);
    test_process::kill(supervisor, Signal::SIGCONT);
    run.abandon();
}

fn has_socket(directory: &Path) -> bool {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.path().extension() == Some("sock".as_ref()))
}

#[test]
fn test_processes_killed_at_any_moment_block_no_others() {
    let mut random = Random::new(seed());
    let end = Instant::now() + budget();
    let mut kills = 0;
    while Instant::now() < end {
        kills += kill_users_of_one_run(&mut random);
    }
    println!("{kills} kills, 0 survivors, none blocked");
}

#[test]
fn test_processes_killed_at_any_moment_end_no_database_before_its_app() {
    let mut random = Random::new(seed());
    let end = Instant::now() + budget();
    let mut kills = 0;
    while Instant::now() < end {
        let mut run = Run::new();
        let scope = if random.below(2) == 0 { "session" } else { "binary" };
        kills += kill_users(&mut random, 150_000, |choice| {
            needs::test(&run, scope, if choice == 0 { "uses the app" } else { "uses all" })
        });
        run.kill_runner();
        eventually(LONG, || run.processes().is_empty());
        let events = run.events();
        assert!(!events.iter().any(|event| event.ends_with("not heard")), "{scope} {events:?}");
        run.abandon();
    }
    println!("{kills} kills, 0 survivors, each app was heard by its database");
}

/// Kills test processes at moments between their first instruction and their end, then checks that
/// others get their leases.
fn kill_users_of_one_run(random: &mut Random) -> usize {
    let run = Run::new();
    let role = |choice| if choice == 0 { "writes" } else { "uses the session's" };
    let kills = kill_users(random, 30_000, |choice| run.test(role(choice)));
    if random.below(2) == 0 {
        all_passed(&run_all((0..4).map(|_| run.test("uses the session's")).collect(), 4));
        run.finish();
    } else {
        // Test processes may be starting or waiting when the runner ends.
        run.abandon();
    }
    kills
}

/// Starts tests, four at a time, and kills each within some microseconds. `test` gets 0, 1 or 2.
fn kill_users(random: &mut Random, within: u64, test: impl Fn(u64) -> Command) -> usize {
    let rounds = 1 + random.below(20) as usize;
    for _ in 0..rounds {
        let choice = random.below(3);
        let mut children: Vec<_> = (0..4).map(|_| test(choice).spawn().unwrap()).collect();
        for child in &mut children {
            wait_a_little(child, Duration::from_micros(random.below(within)));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    4 * rounds
}

/// Waits for a time, or until the child exits.
fn wait_a_little(child: &mut Child, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end && child.try_wait().unwrap().is_none() {
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
    user.signal(Signal::SIGKILL);
    other.signal(Signal::SIGKILL);
    first.finish();
    all_passed(&run_all(vec![second.test("uses the session's")], 1));
    assert_eq!(second.starts(), 1);
    second.finish();
}
