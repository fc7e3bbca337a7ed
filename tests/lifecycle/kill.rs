//! Killing: by the test, by another process, and of processes that are hard to kill.

use std::path::Path;
use std::time::Instant;

use mirakuru_core::{ErrorKind, Executor, Http, Signal};
use mirakuru_tests::test_process::{self, TestProcess, kill, say};
use mirakuru_tests::{alive, bin, eventually, this_test};
use nix::sys::signal::SIGKILL;

use mirakuru_tests::starting::{
    LONG, SHORT, SOON, StartSoon, ended, mark, marked, nothing_left, pids, soon,
};

#[test]
fn the_kill_signal_of_the_description_is_sent() {
    let mut process = Executor::new("sleep 300").kill_signal(Signal::QUIT).start_soon();
    let exit = soon(|| process.kill()).unwrap();
    assert_eq!(exit.signal(), Some(Signal::QUIT));
    assert!(!process.is_running());
}

#[test]
fn kill_sends_sigkill_by_default() {
    let mut process = Executor::new("sleep 300").start_soon();
    assert_eq!(soon(|| process.kill()).unwrap().signal(), Some(Signal::KILL));
    assert!(!process.is_running());
}

#[test]
fn a_signal_to_a_running_process_may_end_it() {
    let mut process = Executor::new("sleep 300").start_soon();
    process.signal(Signal::QUIT).unwrap();
    assert_eq!(ended(&mut process).signal(), Some(Signal::QUIT));
    assert!(!process.is_running());
}

#[test]
fn an_outside_kill_is_reported_although_children_live_on() {
    let mut process = Executor::new([bin!("mk-tree")]).output("^ready$").start_soon();
    let main = process.pid();
    kill(main, SIGKILL);
    eventually(SOON, || !Path::new(&format!("/proc/{main}")).exists());
    assert!(process.is_running(), "its child goes on without it");
    let error = soon(|| process.stop()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert_eq!(error.exit().unwrap().signal(), Some(Signal::KILL));
    assert!(!process.is_running());
    process.stop().unwrap();
}

#[test]
fn an_outside_kill_is_reported_with_its_signal() {
    let mut process = Executor::new("sleep 300").start_soon();
    kill(process.pid(), SIGKILL);
    assert_eq!(ended(&mut process).signal(), Some(Signal::KILL));
    let error = process.stop().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert_eq!(error.exit().unwrap().signal(), Some(Signal::KILL));
    assert_eq!(process.exit_status().unwrap().signal(), Some(Signal::KILL));
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_daemon_counts_as_running_and_is_killed() {
    let mark = mark();
    let daemon = [bin!("mk-daemon"), "--ignore-term", "--mark", &mark];
    let mut process = Executor::new(daemon).output(r"^daemon \d+$").start_soon();
    let daemon = pids(&process, "daemon ")[0];
    assert!(process.is_running() && alive(daemon));
    assert!(marked(&mark).contains(&daemon));
    soon(|| process.kill()).unwrap();
    assert!(!process.is_running() && !alive(daemon));
    drop(process);
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_daemon_is_gone_after_tests_that_forgot_it() {
    if let Some(mark) = test_process::role() {
        let daemon = [bin!("mk-daemon"), "--ignore-term", "--mark", &mark];
        let process = Executor::new(daemon).stop_timeout(SHORT).output("daemon").start_soon();
        say(format_args!("daemon {}", pids(&process, "daemon ")[0]));
        return std::mem::forget(process);
    }
    let mark = mark();
    let mut others = TestProcess::playing(this_test!(), &mark);
    let daemon = others.number("daemon ");
    assert!(others.finish().success());
    assert!(!alive(daemon));
    nothing_left(&mark);
}

#[test]
fn what_outlives_its_stop_signal_is_killed_when_its_time_is_over() {
    let server = [bin!("mk-slow-http"), "{port}", "--warm-ms", "0", "--immortal"];
    let executor = Executor::new(server).http(Http::head("http://127.0.0.1:{port}/"));
    let mut process = executor.timeout(LONG).stop_timeout(SHORT).start_soon();
    assert!(process.is_running());
    let began = Instant::now();
    let exit = soon(|| process.stop()).unwrap();
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    assert!(exit.was_killed());
    assert_eq!(exit.signal(), Some(Signal::KILL));
    assert!(process.log().read().unwrap().contains("SIGTERM"), "it had no chance");
    assert!(!process.is_running());
}

#[test]
fn to_end_what_has_just_ended_is_no_error() {
    let mut process = Executor::shell("exit 0").start_soon();
    ended(&mut process);
    assert!(process.kill().unwrap().success());
    assert!(process.stop().unwrap().success());

    // At any moment of the exit.
    for _ in 0..20 {
        let mut process = Executor::new("true").start_soon();
        process.kill().unwrap();
        assert!(!process.is_running());
    }
}
