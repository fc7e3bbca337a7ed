//! `MIRAKURU_KEEP=failed` leaves the servers of a failed test running, for a limited time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mirakuru_rstest::{Executor, Process, Shared, with_process};
use mirakuru_tests::test_process::{self, TestProcess, say, wait_for_end_of_input};
use mirakuru_tests::{bin, eventually, http_get, processes_with_mark};
use nix::sys::signal::Signal;

static SHARED: Shared = Shared::new(server);

const LONG: Duration = Duration::from_secs(20);

fn server() -> Executor {
    let mark = std::env::var("MARK").unwrap_or_default();
    let command = [bin!("mk-http-server"), "{port}", "--mark", &mark];
    Executor::new(command).http("http://127.0.0.1:{port}/").name("server").env("DIR", "{dir}")
}

/// Plays a role for another test: a test that fails, or does not.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    let (_own, _lease);
    match role.as_str() {
        "has its own" => _own = server().start().unwrap(),
        _ => _lease = SHARED.lease().unwrap(),
    }
    match role.as_str() {
        "passes" => return,
        "waits" => {
            say("waits");
            wait_for_end_of_input();
        }
        "exits" => std::process::exit(1),
        _ => {}
    }
    panic!("as it should");
}

/// Plays the role of a test that returns an error.
#[with_process(server)]
#[test]
fn plays_a_test_with_the_attribute(_server: &Process) -> Result<(), String> {
    test_process::role().map_or(Ok(()), Err)
}

/// The same with a server of its own.
#[with_process(server)]
#[test]
fn plays_a_test_with_its_own_server(_server: Process) -> Result<(), String> {
    test_process::role().map_or(Ok(()), Err)
}

/// A test process whose servers have a mark of their own.
fn playing(test: &str, role: &str, keep: &str) -> (Command, String) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mark = format!("keep-{number}-{}-", std::process::id());
    let mut command = test_process::playing(&format!("keep::{test}"), role);
    command.env("MIRAKURU_KEEP", keep).env("MARK", &mark).stdin(Stdio::null());
    (command, mark)
}

/// Returns what follows in the message about the kept server.
#[track_caller]
fn fact<'a>(printed: &'a str, begin: &str) -> &'a str {
    let rest = printed.split_once(begin).unwrap_or_else(|| panic!("no `{begin}` in {printed}")).1;
    rest.split(['\n', ',', '`']).next().unwrap()
}

/// Runs a failing test, and checks that its server lives, and is ended as the message says.
#[track_caller]
fn is_kept(test: &str, role: &str) {
    let (mut command, mark) = playing(test, role, "failed");
    let output = command.output().unwrap();
    let printed = test_process::printed(&output);
    assert!(!output.status.success(), "{printed}");
    assert_eq!(printed.matches("--- server is kept running").count(), 1, "{printed}");
    let (code, pid) = http_get(&format!("http://{}/pid", fact(&printed, "\n  address: ")));
    assert_eq!((code, pid.as_str()), (200, fact(&printed, "kept running as pid ")));
    let dir = Path::new(fact(&printed, "\n  directory: "));
    assert!(dir.is_dir() && Path::new(fact(&printed, "\n  log: ")).is_file(), "{printed}");
    assert!(printed.contains("it stops by itself in 60 min"), "{printed}");

    test_process::kill(fact(&printed, "help: `kill ").parse().unwrap(), Signal::SIGTERM);
    eventually(LONG, || processes_with_mark(&mark).is_empty() && !dir.exists());
}

#[test]
fn a_server_of_a_failed_test_is_kept_until_its_supervisor_is_ended() {
    is_kept("plays_a_role", "has its own");
}

#[test]
fn a_shared_server_of_a_failed_test_is_kept() {
    is_kept("plays_a_role", "shares one");
}

#[test]
fn the_servers_of_a_test_that_returns_an_error_are_kept() {
    is_kept("plays_a_test_with_the_attribute", "an error");
    is_kept("plays_a_test_with_its_own_server", "an error");
}

#[test]
fn a_kept_server_ends_by_itself() {
    let (mut command, mark) = playing("plays_a_role", "has its own", "failed:500ms");
    let printed = test_process::printed(&command.output().unwrap());
    assert!(printed.contains("it stops by itself in 0.5 s"), "{printed}");
    let dir = Path::new(fact(&printed, "\n  directory: "));
    eventually(LONG, || processes_with_mark(&mark).is_empty() && !dir.exists());
}

#[test]
fn a_test_that_passes_or_ends_in_another_way_keeps_nothing() {
    for role in ["passes", "exits"] {
        let (mut command, mark) = playing("plays_a_role", role, "failed");
        let printed = test_process::printed(&command.output().unwrap());
        assert!(!printed.contains("kept running"), "{role}: {printed}");
        assert_eq!(processes_with_mark(&mark), [0; 0], "{role}");
    }
    let (mut command, mark) = playing("plays_a_role", "waits", "failed");
    let mut test = TestProcess::start(&mut command);
    test.line("waits");
    test.signal(Signal::SIGKILL);
    eventually(LONG, || processes_with_mark(&mark).is_empty());
}

#[test]
fn a_failed_test_keeps_nothing_unless_that_is_asked_for() {
    let (mut command, mark) = playing("plays_a_role", "has its own", "");
    assert!(!test_process::printed(&command.output().unwrap()).contains("kept running"));
    assert_eq!(processes_with_mark(&mark), [0; 0]);
}

#[test]
fn another_value_fails_the_first_start() {
    let (mut command, _) = playing("plays_a_role", "has its own", "all");
    let printed = test_process::printed(&command.output().unwrap());
    let error = "the environment variable MIRAKURU_KEEP cannot be `all`";
    assert!(printed.contains(error), "{printed}");
}
