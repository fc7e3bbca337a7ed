//! Stops: their results, their limits, and that they end.

use std::io::Write;
use std::panic::catch_unwind;
use std::time::Duration;

use mirakuru_core::{ErrorKind, Executor, ExpectedExit, Process, Signal, Stdin};
use mirakuru_tests::starting::{LONG, SHORT, SOON, StartSoon, ended, fails, soon};
use mirakuru_tests::test_process::{playing, printed, role};
use mirakuru_tests::{alive, bin, eventually};

/// A server that prints each signal and exits on SIGTERM.
#[track_caller]
fn signals(args: &[&str], change: impl Fn(Executor) -> Executor) -> Process {
    let executor = Executor::new([bin!("mk-signals")]).args(args).output("^ready$");
    change(executor.timeout(LONG)).start_soon()
}

#[test]
fn a_stop_by_force_says_so() {
    let mut process = signals(&["--ignore", "TERM"], |it| it.stop_timeout(SHORT));
    let exit = soon(|| process.stop()).unwrap();
    assert!(exit.was_killed());
    assert!(exit.to_string().contains("killed after its stop timeout"), "{exit}");
    assert!(process.exit_status().unwrap().was_killed());

    let mut obedient = signals(&[], |it| it.stop_timeout(LONG));
    assert!(!soon(|| obedient.stop()).unwrap().was_killed());
}

#[test]
fn the_time_to_stop_has_a_limit_of_its_own() {
    let mut process = signals(&["--ignore", "TERM"], |it| {
        it.timeout(Duration::from_secs(3600)).stop_timeout(SHORT)
    });
    assert!(soon(|| process.stop()).unwrap().was_killed());
}

#[test]
fn an_expected_code_is_the_only_good_one() {
    let stop = |code: &str, expected: i32| {
        signals(&["--exit", code], |it| it.expect_exit(expected)).stop()
    };
    assert_eq!(stop("3", 3).unwrap().code(), Some(3));
    let error = stop("0", 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert!(error.exit().unwrap().success());
    assert_eq!(stop("4", 3).unwrap_err().exit().unwrap().code(), Some(4));
}

#[test]
fn death_by_a_signal_and_its_code_are_the_same() {
    for expected in [143, -15] {
        let by_signal = Executor::new("sleep 300").expect_exit(expected).start_soon().stop();
        assert_eq!(by_signal.unwrap().signal(), Some(Signal::TERM));
        let by_code = signals(&["--exit", "143"], |it| it.expect_exit(expected)).stop();
        assert_eq!(by_code.unwrap().code(), Some(143));
    }
    // The exit code of a JVM after SIGTERM.
    assert_eq!(signals(&["--exit", "143"], |it| it).stop().unwrap().code(), Some(143));
}

#[test]
fn without_an_expectation_a_code_of_failure_is_an_error() {
    let error = signals(&["--exit", "1"], |it| it).stop().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert_eq!(error.exit().unwrap().code(), Some(1));
}

#[test]
fn the_panic_of_a_test_is_not_replaced_by_how_its_server_ends() {
    let outcome = catch_unwind(|| {
        let _process = signals(&["--exit", "1"], |it| it);
        panic!("the test's own reason");
    });
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"the test's own reason"));
}

#[test]
fn a_kill_ends_what_ignores_its_kill_signal() {
    let mut process =
        signals(&["--ignore", "TERM"], |it| it.kill_signal(Signal::TERM).stop_timeout(LONG));
    let exit = soon(|| process.kill()).unwrap();
    assert_eq!(exit.signal(), Some(Signal::KILL));
    assert!(process.log().read().unwrap().contains("SIGTERM ignored"));
}

#[test]
fn unread_input_does_not_delay_the_stop() {
    let mut process = signals(&[], |it| it.stdin(Stdin::Piped));
    let mut stdin = process.take_stdin().unwrap();
    stdin.write_all(b"unread input").unwrap();
    let exit = soon(|| process.stop()).unwrap();
    assert!(exit.success() && !process.is_running());
    // A process that another test forks at this moment may hold the reading end for a moment.
    eventually(SOON, || stdin.write_all(b"nor this").is_err());

    let mut not_taken = signals(&[], |it| it.stdin(Stdin::Piped));
    assert!(soon(|| not_taken.stop()).unwrap().success());
}

#[test]
fn nothing_is_signalled_once_it_has_ended() {
    let mut process = Executor::shell("exit 0").start_soon();
    ended(&mut process);
    assert_eq!(process.signal(Signal::TERM).unwrap_err().kind(), ErrorKind::Exited);
    assert_eq!(process.pause().unwrap_err().kind(), ErrorKind::Exited);
    assert!(process.stop().unwrap().success());
}

#[test]
fn a_paused_process_is_stopped_without_force() {
    let mut process = signals(&[], |it| it.stop_timeout(LONG));
    process.pause().unwrap();
    let exit = soon(|| process.stop()).unwrap();
    assert!(exit.success() && !exit.was_killed());
}

#[test]
fn a_limit_of_zero_is_refused_and_the_longest_one_is_taken() {
    let executor = || Executor::new("sleep 300");
    fails(&executor().timeout(Duration::ZERO), ErrorKind::InvalidInput);
    fails(&executor().stop_timeout(Duration::ZERO), ErrorKind::InvalidInput);
    let mut process = executor().timeout(Duration::MAX).stop_timeout(Duration::MAX).start_soon();
    assert_eq!(soon(|| process.stop()).unwrap().signal(), Some(Signal::TERM));
}

#[test]
fn a_stop_returns_when_all_of_it_is_gone() {
    let tree = [bin!("mk-tree"), "--children", "2", "--grandchildren", "2"];
    for _ in 0..5 {
        let mut process = Executor::new(tree).output("^ready$").timeout(LONG).start_soon();
        let pids = mirakuru_tests::starting::pids(&process, "child ");
        assert_eq!(pids.len(), 6);
        process.stop().unwrap();
        assert!(!pids.into_iter().any(alive));
    }
}

/// Plays a test whose server ignores the stop signal.
#[test]
fn plays_a_test_with_a_stubborn_server() {
    let Some(role) = role() else { return };
    let server = Executor::new([bin!("mk-signals"), "--ignore", "TERM"]).output("^ready$");
    let mut server = server.name("stubborn").stop_timeout(SHORT).start().unwrap();
    match role.as_str() {
        "stops it" => assert!(server.stop().is_ok()),
        "kills it" => assert!(server.kill().is_ok()),
        "drops it" => drop(server),
        "aborts" => {
            println!("\nlog {}", server.log().path().display());
            std::process::abort();
        }
        _ => std::mem::forget(server),
    }
}

#[test]
fn a_stop_that_kills_says_so_on_stderr() {
    for (role, lines) in [("stops it", 1), ("drops it", 1), ("exits", 1), ("kills it", 0)] {
        let output = playing("stop::plays_a_test_with_a_stubborn_server", role).output().unwrap();
        let printed = printed(&output);
        let line =
            "mirakuru: stubborn did not end within its stop timeout of 0.600 s and was killed";
        assert_eq!(printed.matches(line).count(), lines, "{role}: {printed}");
        assert!(lines == 0 || printed.contains("`stop_signal`"), "{printed}");
    }
}

#[test]
fn the_log_says_so_where_no_test_process_is_left() {
    let output = playing("stop::plays_a_test_with_a_stubborn_server", "aborts").output().unwrap();
    let printed = printed(&output);
    let log = printed.lines().find_map(|line| line.strip_prefix("log ")).expect(&printed);
    let line = "[mirakuru: it did not end within its stop timeout and was killed]\n";
    eventually(LONG, || std::fs::read_to_string(log).unwrap().ends_with(line));
}

#[test]
fn a_process_that_asks_for_time_while_it_stops_gets_it() {
    let script = "import os, signal, socket, sys, time
notify = lambda text: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(text, os.environ['NOTIFY_SOCKET'])
def bye(*_):
    notify(b'EXTEND_TIMEOUT_USEC=30000000'); time.sleep(2.5); print('saved', flush=True); sys.exit()
signal.signal(signal.SIGTERM, bye)
notify(b'READY=1')
while True: signal.pause()";
    let process = Executor::new(["python3", "-c", script]).notify().stop_timeout(SOON * 2 / 5);
    let mut process = process.start_soon();
    assert!(!process.stop().unwrap().was_killed());
    assert_eq!(process.log().read().unwrap(), "saved\n");
}

#[test]
fn a_start_that_fails_stops_the_process_before_it_kills() {
    let script = "trap 'echo saved; exit' TERM; echo up; while :; do sleep 0.02; done";
    let error = fails(&Executor::shell(script).output("never").timeout(SHORT), ErrorKind::Timeout);
    let log = std::fs::read_to_string(error.log_path().unwrap()).unwrap();
    assert_eq!(log, "up\nsaved\n");
}

#[test]
fn a_process_that_signals_its_parent_does_not_end_its_supervisor() {
    let signals =
        "for signal in USR1 USR2 ALRM QUIT PIPE VTALRM TSTP; do kill -$signal $PPID; done";
    let script = format!("{signals}; echo done; exec sleep 300");
    let mut process = Executor::shell(script).output("^done$").start_soon();
    let exit = soon(|| process.stop()).unwrap();
    assert_eq!((exit.signal(), exit.was_killed()), (Some(Signal::TERM), false));
}

#[test]
fn each_code_of_a_list_or_a_range_is_a_good_one() {
    let stop = |code: &str, expected: ExpectedExit| {
        signals(&["--exit", code], |it| it.expect_exit(expected.clone())).stop()
    };
    for code in ["0", "2"] {
        stop(code, [0, 2].into()).unwrap();
        stop(code, (0..=2).into()).unwrap();
        stop(code, vec![2, 0].into()).unwrap();
    }
    let error = stop("1", [0, 2].into()).unwrap_err();
    assert!(format!("{error:?}").contains("add 1 to `expect_exit([0, 2])`"), "{error:?}");
    assert_eq!(stop("3", (0..=2).into()).unwrap_err().kind(), ErrorKind::UnexpectedExit);
    for none in [ExpectedExit::from([]), ExpectedExit::from(0..=256)] {
        fails(&Executor::new("sleep 300").expect_exit(none), ErrorKind::InvalidInput);
    }
}
