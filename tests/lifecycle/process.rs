//! A process together with threads, signals, directories and conditions.

use std::thread;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Attempt, ErrorKind, Executor, Signal};
use mirakuru_tests::{bin, eventually};
use nix::sys::signal::{SigSet, Signal as Number};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn threads_that_wait_for_lines_do_not_keep_a_stop_from_its_end() {
    let mut process = Executor::new([bin!("mk-signals")]).output("ready").start().unwrap();
    let logs: Vec<_> = (0..3).map(|_| process.log()).collect();
    thread::scope(|scope| {
        for log in &logs {
            scope.spawn(|| log.wait_for("never", LONG).unwrap_err());
        }
        eventually(LONG, || process.is_running());
        let began = Instant::now();
        process.stop().unwrap();
        assert!(began.elapsed() < LONG / 4, "{:?}", began.elapsed());
    });
}

#[test]
fn a_dropped_process_has_ended_though_a_thread_reads_its_log() {
    let process = Executor::new("sleep 300").start().unwrap();
    let (pid, log) = (process.pid(), process.log());
    thread::scope(|scope| {
        let reader = scope.spawn(|| log.wait_for("never", LONG).unwrap_err().kind());
        drop(process);
        assert!(!mirakuru_tests::alive(pid));
        assert_eq!(reader.join().unwrap(), ErrorKind::Exited);
    });
}

#[test]
fn signals_that_the_test_has_blocked_reach_the_process() {
    let mut blocked = SigSet::empty();
    blocked.add(Number::SIGTERM);
    blocked.add(Number::SIGCHLD);
    blocked.thread_block().unwrap();
    let mut process = Executor::new("sleep 300").start().unwrap();
    let exit = process.stop().unwrap();
    assert_eq!((exit.signal(), exit.was_killed()), (Some(Signal::TERM), false));
    blocked.thread_unblock().unwrap();
}

#[test]
fn a_relative_directory_is_found_again_by_a_restart() {
    let mut process =
        Executor::shell("pwd; exec sleep 300").current_dir("src").output("/").start().unwrap();
    process.restart().unwrap();
    let log = process.log().read().unwrap();
    let directories: Vec<_> = log.lines().collect();
    assert_eq!(directories.len(), 2, "{log}");
    assert!(directories[0].ends_with("tests/src") && directories[0] == directories[1], "{log}");
}

#[test]
fn conditions_that_take_turns_end_with_the_time_limit() {
    let flaps = || {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        move |_: &Attempt<'_>| asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 2 == 0
    };
    let executor = Executor::new("sleep 300").probe(flaps()).probe(flaps());
    let began = Instant::now();
    let error = executor.timeout(Duration::from_millis(300)).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(began.elapsed() < LONG / 4);
}

#[test]
fn a_socket_in_a_directory_that_was_made_again_is_found() {
    let server = bin!("mk-unix-server");
    let script = format!(
        "mkdir {{dir}}/a; sleep 0.1; rm -r {{dir}}/a; sleep 0.1; mkdir {{dir}}/a; exec {server} {{dir}}/a/s"
    );
    let began = Instant::now();
    let process = Executor::shell(script).unix_socket("{dir}/a/s").timeout(LONG).start().unwrap();
    assert!(process.is_running() && began.elapsed() < LONG / 4, "{:?}", began.elapsed());
}

#[test]
fn a_signal_that_is_none_is_refused() {
    let mut process = Executor::new("sleep 300").start().unwrap();
    for number in [0, -1, 999] {
        let signal = Signal::new(number);
        assert_eq!(process.signal(signal).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(process.stop_with(signal).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(process.is_running());
}
