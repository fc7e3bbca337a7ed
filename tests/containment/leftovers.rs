//! Nothing survives: neither descendants of a server nor servers of test processes that ended.

use std::iter;
use std::process::Command;

use mirakuru_core::{Attempt, ErrorKind, Executor, Process};
use mirakuru_tests::test_process::{self, TestProcess, say, wait_for_end_of_input};
use mirakuru_tests::{alive, bin, this_test};
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};

use mirakuru_tests::starting::{LONG, SHORT, StartSoon, mark, marked, nothing_left, pids, soon};

/// A server with a child and a grandchild that ignore SIGTERM.
fn stubborn(mark: &str) -> Executor {
    let tree = [bin!("mk-tree"), "--grandchildren", "1", "--child-ignores-term", "--mark", mark];
    Executor::new(tree).output("^ready$").timeout(LONG).stop_timeout(SHORT)
}

/// Stops the process, and panics unless all of these were killed.
#[track_caller]
fn ends_with(mut process: Process, below: &[u32]) {
    assert!(below.iter().all(alive));
    let exit = soon(|| process.stop()).unwrap();
    assert!(exit.was_killed());
    assert!(!below.iter().any(alive), "something of {below:?} is alive");
}

#[test]
fn grandchildren_that_ignore_the_stop_signal_are_ended() {
    let process = stubborn(&mark()).start_soon();
    let below = pids(&process, "child ");
    assert_eq!(below.len(), 2);
    ends_with(process, &below);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn grandchildren_in_sessions_of_their_own_are_ended() {
    let process = stubborn(&mark()).arg("--setsid").start_soon();
    let below = pids(&process, "child ");
    ends_with(process, &below);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_daemon_without_its_environment_and_its_title_is_ended() {
    let daemon = [bin!("mk-daemon"), "--ignore-term", "--clear-env", "--title"];
    let executor = Executor::new(daemon).output("^daemon").timeout(LONG).stop_timeout(SHORT);
    let process = executor.start_soon();
    let daemon = pids(&process, "daemon ");
    let environment = std::fs::read(format!("/proc/{}/environ", daemon[0])).unwrap();
    assert!(environment.is_empty());
    ends_with(process, &daemon);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_shell_that_scrubs_the_environment_hides_nothing() {
    let script = "env -i setsid sh -c 'trap \"\" TERM; echo child $$; while :; do sleep 1; done' & \
                  wait";
    let executor = Executor::shell(script).output("^child").timeout(LONG).stop_timeout(SHORT);
    let process = executor.start_soon();
    let child = pids(&process, "child ");
    ends_with(process, &child);
}

#[test]
fn what_forks_faster_than_one_can_look_is_ended() {
    let mark = mark();
    let hopper = [bin!("mk-forker"), "--every-ms", "1", "--mark", &mark];
    let executor = Executor::new(hopper).output("^hopping$").timeout(LONG).stop_timeout(SHORT);
    let mut process = executor.start_soon();
    soon(|| process.stop()).unwrap();
    assert!(!process.is_running());
    drop(process);
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn nothing_survives_a_killed_test_process() {
    if let Some(mark) = test_process::role() {
        let process = stubborn(&mark).arg("--setsid").start_soon();
        say(format_args!("server {}", process.pid()));
        return wait_for_end_of_input();
    }
    for signal in [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mark = mark();
        let mut others = TestProcess::playing(this_test!(), &mark);
        let server = others.number("server ");
        // The tests, the supervisor, the server, its child and its grandchild.
        assert!(alive(server) && marked(&mark).len() >= 4);
        others.signal(signal);
        nothing_left(&mark);
    }
}

#[test]
fn nothing_survives_an_exit_that_runs_no_handlers() {
    if let Some(mark) = test_process::role() {
        let process = stubborn(&mark).start_soon();
        say(format_args!("server {}", process.pid()));
        wait_for_end_of_input();
        // SAFETY: the call takes any status and does not return.
        unsafe { nix::libc::_exit(3) }
    }
    let mark = mark();
    let mut others = TestProcess::playing(this_test!(), &mark);
    assert!(alive(others.number("server ")));
    assert_eq!(others.finish().code(), Some(3));
    nothing_left(&mark);
}

#[test]
fn nothing_survives_a_failed_test_that_forgot_its_server() {
    if let Some(mark) = test_process::role() {
        std::mem::forget(stubborn(&mark).start_soon());
        say("started");
        panic!("as it should");
    }
    let mark = mark();
    let mut others = TestProcess::playing(this_test!(), &mark);
    others.line("started");
    assert!(!others.finish().success());
    nothing_left(&mark);
}

#[test]
fn the_end_of_one_test_process_leaves_the_servers_of_others_alone() {
    if let Some(mark) = test_process::role() {
        let process = stubborn(&mark).start_soon();
        say(format_args!("server {}", process.pid()));
        return wait_for_end_of_input();
    }
    let mark = mark();
    let ours = Executor::new("sleep 300").start_soon();
    let mut finished = TestProcess::playing(this_test!(), &mark);
    let mut killed = TestProcess::playing(this_test!(), &mark);
    assert!(alive(finished.number("server ")) && alive(killed.number("server ")));
    assert!(finished.finish().success());
    killed.signal(Signal::SIGKILL);
    nothing_left(&mark);
    assert!(ours.is_running() && alive(ours.pid()));
}

#[test]
fn a_fork_that_drops_its_copy_leaves_the_server_alone() {
    if let Some(mark) = test_process::role() {
        let server = [bin!("mk-http-server"), "{port}", "--mark", &mark];
        let executor = Executor::new(server).http("http://127.0.0.1:{port}/");
        let process = executor.env("DIR", "{dir}").start_soon();
        // SAFETY: the child only drops the copy and ends; the allocator is usable after a fork.
        if let ForkResult::Parent { child } = unsafe { fork() }.unwrap() {
            waitpid(child, None).unwrap();
            assert!(process.is_running() && process.dir().is_dir());
            assert_eq!(mirakuru_tests::http_get(&process.url()).0, 200);
            return say("answered");
        }
        drop(process);
        // SAFETY: the call takes any status and does not return.
        unsafe { nix::libc::_exit(0) }
    }
    let mark = mark();
    let mut others = TestProcess::playing(this_test!(), &mark);
    others.line("answered");
    assert!(others.finish().success());
    nothing_left(&mark);
}

/// A test process as a server.
fn as_server(command: &Command) -> Executor {
    let words = iter::once(command.get_program()).chain(command.get_args());
    let set = command.get_envs().filter_map(|(name, value)| Some((name, value?)));
    Executor::new(words.collect::<Vec<_>>()).envs(set)
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn servers_of_tests_that_are_a_server_themselves_are_ended_with_them() {
    if let Some(mark) = test_process::role() {
        let process = stubborn(&mark).arg("--setsid").start_soon();
        say(format_args!("inner {}", process.pid()));
        loop {
            std::thread::park();
        }
    }
    for is_killed in [false, true] {
        let mark = mark();
        let outer = as_server(&test_process::playing(this_test!(), &mark));
        let outer = outer.output(r"^inner \d+$").stop_timeout(SHORT);
        let mut outer = outer.timeout(LONG).start_soon();
        let inner = pids(&outer, "inner ")[0];
        assert!(alive(inner));
        soon(|| if is_killed { outer.kill() } else { outer.stop() }).unwrap();
        assert!(!alive(inner));
        assert_eq!(marked(&mark), []);
    }
}

#[test]
fn a_probe_that_panics_leaves_nothing() {
    let mark = mark();
    let probe = |_: &Attempt<'_>| -> bool { panic!("in the probe") };
    let error = stubborn(&mark).probe(probe).start().unwrap_err();
    assert!(error.to_string().ends_with("it panicked: in the probe"), "{error}");
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_start_that_fails_leaves_nothing_while_its_error_is_kept() {
    let mark = mark();
    let never = |_: &Attempt<'_>| false;
    let error = stubborn(&mark).arg("--setsid").probe(never).timeout(SHORT).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(marked(&mark), []);
    drop(error);
}
