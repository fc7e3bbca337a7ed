//! The ways in which a test process ends: none leaves anything behind.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::Duration;

use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::{bin, eventually, processes_with_mark};
use rstest::rstest;

#[cfg(not(mirakuru_fallback))]
use mirakuru_tests::starting::kill_supervisor;
use mirakuru_tests::test_process::{self, TestProcess, say, wait_for_end_of_input};
use nix::sys::signal::Signal::{self, *};

static SHARED: Shared = Shared::new(|| tree(&test_process::value("MARK")));

/// A server with two children that ignore SIGTERM, in sessions of their own unless they could
/// escape by that.
fn tree(mark: &str) -> Executor {
    let options = ["--children", "2", "--child-ignores-term", "--mark", mark];
    let tree = Executor::new([bin!("mk-tree")]).args(options).output("^ready$");
    let tree = if cfg!(mirakuru_fallback) { tree } else { tree.arg("--setsid") };
    tree.stop_timeout(STOP_TIMEOUT)
}

const STOP_TIMEOUT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// Plays a role for another test: the test process that ends.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    let lease = SHARED.lease().unwrap();
    let own = tree(&test_process::value("MARK")).name("own").start().unwrap();
    say("started");
    match role.as_str() {
        "passes" => {}
        "fails" => panic!("as it should"),
        "forgets" => std::mem::forget((lease, own)),
        "exits" => std::process::exit(3),
        "exits on another thread" => {
            let exit = || std::process::exit(3);
            std::thread::spawn(exit).join().unwrap();
        }
        "exits while others start" => exit_while_others_start(),
        "aborts" => std::process::abort(),
        "waits" => wait_for_end_of_input(),
        "executes" => drop(std::os::unix::process::CommandExt::exec(&mut Command::new("true"))),
        other => panic!("no role is called {other}"),
    }
}

fn exit_while_others_start() {
    let (send, started) = std::sync::mpsc::channel();
    for _ in 0..4 {
        let send = send.clone();
        std::thread::spawn(move || {
            // Starts fail once this process exits.
            while tree(&test_process::value("MARK")).start().is_ok() {
                let _ = send.send(()); // The receiver is dropped at the end.
            }
        });
    }
    for _ in 0..6 {
        started.recv().unwrap();
    }
    std::process::exit(3);
}

fn playing(role: &str, mark: &str) -> Command {
    let mut command = test_process::playing("ends_of_tests::plays_a_role", role);
    command.env("MARK", mark);
    command
}

fn mark(role: &str) -> String {
    format!("mark-{}-{}", role.replace(' ', "-"), std::process::id())
}

#[rstest]
fn nothing_is_left_when_a_test_process_has_exited(
    #[values(
        "passes",
        "fails",
        "forgets",
        "exits",
        "exits on another thread",
        "exits while others start"
    )]
    role: &str,
) {
    let mark = mark(role);
    let output = playing(role, &mark).output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("started"), "{printed}");
    // There is no wait: all processes have stopped before the test process ended.
    assert_eq!(processes_with_mark(&mark), [], "{printed}");
}

#[test]
fn the_event_log_says_how_each_process_ended() {
    let output = playing("passes", &mark("watched")).env("MIRAKURU_LOG", "info").output().unwrap();
    let printed = test_process::printed(&output);
    for line in
        ["started own (pid ", "leased mk-tree, which has 1 user", "stopped own: exited with code 0"]
    {
        assert!(printed.contains(line), "`{line}` is not in {printed}");
    }
    assert!(
        printed.contains(
            "stopped mk-tree: exited with code 0 (killed after its stop timeout), after 1 lease"
        ),
        "{printed}"
    );
}

#[rstest]
fn nothing_is_left_soon_after_a_test_process_has_died(#[values("aborts", "executes")] role: &str) {
    let mark = mark(role);
    let output = playing(role, &mark).output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("started"), "{printed}");
    eventually(LONG, || processes_with_mark(&mark).is_empty());
}

#[rstest]
fn nothing_is_left_soon_after_a_signal(#[values(SIGKILL, SIGTERM, SIGINT, SIGHUP)] signal: Signal) {
    let mark = mark(signal.as_str());
    let mut tests = TestProcess::start(&mut playing("waits", &mark));
    tests.line("started");
    assert!(processes_with_mark(&mark).len() >= 6, "two servers with two children each");
    let status = tests.signal(signal);
    assert!(status.signal().is_some(), "{status}");
    eventually(LONG, || processes_with_mark(&mark).is_empty());
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_killed_supervisor_takes_the_main_process_with_it() {
    let server = Executor::new("sleep 300").start().unwrap();
    let pid = server.pid();
    kill_supervisor(&server);
    eventually(LONG, || !mirakuru_tests::alive(pid));
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_process_whose_supervisor_was_killed_can_be_restarted() {
    let mut server = Executor::new([bin!("mk-http-server"), "{port}"])
        .http("http://127.0.0.1:{port}/")
        .start()
        .unwrap();
    let port = server.port();
    kill_supervisor(&server);
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(mirakuru_tests::http_get(&server.url()).0, 200);
}
