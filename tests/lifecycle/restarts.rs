//! Restarts: after a stop, a crash, a panic, and of daemons.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mirakuru_core::{Executor, Process, Signal};
use mirakuru_tests::starting::{LONG, SOON, StartSoon, ended, fails, pids, reports, soon};
use mirakuru_tests::{alive, bin, eventually, http_get, scratch_dir};

#[test]
fn it_is_started_again_when_the_body_panics() {
    let mut process = Executor::new("sleep 300").start_soon();
    let before = process.pid();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        process.stopped(|| panic!("in the body")).unwrap();
    }));
    assert_eq!(outcome.unwrap_err().downcast_ref(), Some(&"in the body"));
    assert!(process.is_running() && process.pid() != before);
}

#[test]
fn what_was_stopped_before_is_running_afterwards() {
    let mut process = Executor::new("sleep 300").start_soon();
    process.stop().unwrap();
    assert!(process.stopped(|| true).unwrap());
    assert!(process.is_running());
}

#[test]
fn a_restart_right_after_a_stop_works_each_time() {
    let server = format!("{} {{port}} & wait", bin!("mk-http-server"));
    let executor = Executor::shell(server).http("http://127.0.0.1:{port}/").timeout(LONG);
    let mut process = executor.start_soon();
    for _ in 0..10 {
        process.stop().unwrap();
        process.restart().unwrap();
        assert_eq!(http_get(&process.url()).0, 200);
    }
}

#[test]
fn a_new_start_right_after_a_stop_works_each_time() {
    let keeper = mirakuru_tests::starting::keeps_a_port();
    let port = keeper.port();
    // The main process exits at once; its child keeps the port for a while.
    let script = format!("{} {port} & wait", bin!("mk-tcp-server"));
    let executor = Executor::shell(script).tcp(format!("127.0.0.1:{port}")).timeout(LONG);
    for _ in 0..10 {
        executor.start_soon().stop().unwrap();
    }
}

#[test]
fn a_dead_process_is_started_again() {
    let server = [bin!("mk-http-server"), "{port}"];
    let executor = Executor::new(server).http("http://127.0.0.1:{port}/").timeout(LONG);
    let mut process = executor.start_soon();
    let (before, url) = (process.pid(), process.url());
    process.signal(Signal::KILL).unwrap();
    ended(&mut process);
    process.restart().unwrap();
    assert!(process.is_running() && process.pid() != before);
    assert_eq!(process.url(), url);
    assert_eq!(http_get(&url).1, "ok");
}

#[test]
fn each_start_of_one_description_is_a_process_of_its_own() {
    let server = [bin!("mk-http-server"), "{port}"];
    let executor = Executor::new(server).http("http://127.0.0.1:{port}/").timeout(LONG);
    let first = executor.start_soon();
    let second = executor.start_soon();
    assert_ne!((first.pid(), first.port()), (second.pid(), second.port()));
    drop(second);
    assert!(first.is_running());
    assert_eq!(http_get(&first.url()).0, 200);
}

#[test]
fn a_restart_waits_for_a_line_of_the_new_life() {
    let server = [bin!("mk-banner"), "--delay", "100"];
    let mut process = Executor::new(server).output("^ready$").timeout(LONG).start_soon();
    process.restart().unwrap();
    assert!(process.is_running());
    assert_eq!(process.log().read().unwrap(), "ready\nready\n");
}

#[test]
fn a_second_start_while_it_runs_does_it_no_harm() {
    let server = [bin!("mk-banner")];
    let executor = Executor::new(server).output("^ready$").timeout(LONG);
    let mut first = executor.start_soon();
    let second = executor.start_soon();
    assert!(first.is_running() && second.is_running());
    assert!(first.stop().unwrap().success());
    assert!(second.is_running());
}

/// Returns the pid of the daemon once it is the main process: the launcher may still run at first.
#[track_caller]
fn daemon_of(process: &Process) -> u32 {
    process.log().wait_for("^daemon", LONG).unwrap();
    let daemon = pids(process, "daemon ")[0];
    eventually(SOON, || process.pid() == daemon);
    daemon
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_daemon_is_running_and_can_be_stopped_for_a_while() {
    let daemon = [bin!("mk-daemon"), "--port", "{port}"];
    let executor = Executor::new(daemon).tcp("127.0.0.1:{port}").timeout(LONG);
    let mut process = executor.start_soon();
    let before = daemon_of(&process);
    assert!(process.is_running());

    let address = process.addr();
    let (was_alive, answered) =
        process.stopped(|| (alive(before), TcpStream::connect(address).is_ok())).unwrap();
    assert!(!was_alive && !answered);
    assert!(process.is_running());
    TcpStream::connect(address).unwrap();
    let exit = process.stop().unwrap();
    assert!(exit.success() && !exit.was_killed(), "{exit}");
    assert!(!process.is_running() && TcpStream::connect(address).is_err());
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_daemon_that_dies_is_no_longer_running() {
    let daemon = [bin!("mk-daemon"), "--port", "{port}"];
    let executor = Executor::new(daemon).tcp("127.0.0.1:{port}").timeout(LONG);
    let mut process = executor.start_soon();
    assert!(alive(daemon_of(&process)));
    process.signal(Signal::KILL).unwrap();
    assert_eq!(ended(&mut process).signal(), Some(Signal::KILL));
    assert!(!process.is_running());
}

#[test]
fn a_restart_that_fails_leaves_it_stopped_and_says_why() {
    // The first start creates the directory over which the second one fails.
    let script = "test -e {dir}/once && { echo no more >&2; exit 6; }; touch {dir}/once; \
                  echo up; sleep 300";
    let mut process = Executor::shell(script).output("^up$").timeout(LONG).start_soon();
    let error = soon(|| process.restart()).unwrap_err();
    assert_eq!(error.exit().unwrap().code(), Some(6));
    reports(&error, &["no more"]);
    assert!(!process.is_running());
    fails(&Executor::shell("exit 6").output("^up$"), mirakuru_core::ErrorKind::Exited);
}

#[test]
fn a_restart_of_a_program_that_was_removed_says_so() {
    let dir = scratch_dir();
    let program = dir.join("server");
    symlink("/bin/sleep", &program).unwrap();
    let words = [program.as_os_str(), "300".as_ref()];
    let mut process = Executor::new(words).start_soon();
    fs::remove_file(&program).unwrap();
    let error = soon(|| process.restart()).unwrap_err();
    reports(&error, &["there is no program", "server` any more"]);
}
