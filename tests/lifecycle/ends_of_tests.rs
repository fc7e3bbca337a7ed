//! The ends of a test process: nothing is left behind after any.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::{bin, eventually, processes_with_mark};
use rstest::rstest;

use mirakuru_tests::rerun;
#[cfg(not(mirakuru_fallback))]
use mirakuru_tests::starting::kill_supervisor;

static SHARED: Shared = Shared::new(|| tree(&std::env::var("MARK").unwrap()));

/// A server with two children that do not heed SIGTERM, in sessions of their own where that is no
/// way to escape.
fn tree(mark: &str) -> Executor {
    let options = ["--children", "2", "--child-ignores-term", "--mark", mark];
    let tree = Executor::new([bin!("mk-tree")]).args(options).output("^ready$");
    let tree = if cfg!(mirakuru_fallback) { tree } else { tree.arg("--setsid") };
    tree.stop_timeout(STOP_TIMEOUT)
}

const STOP_TIMEOUT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_secs(20);

/// Not a test of its own: it plays the test process that ends.
#[test]
fn part() {
    let Some(part) = rerun::part() else { return };
    let lease = SHARED.lease().unwrap();
    let own = tree(&std::env::var("MARK").unwrap()).name("own").start().unwrap();
    println!("started");
    match part.as_str() {
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
        "waits" => drop(std::io::stdin().read_to_end(&mut Vec::new())),
        "executes" => drop(std::os::unix::process::CommandExt::exec(&mut Command::new("true"))),
        other => panic!("no part is called {other}"),
    }
}

fn exit_while_others_start() {
    let (send, started) = std::sync::mpsc::channel();
    for _ in 0..4 {
        let send = send.clone();
        std::thread::spawn(move || {
            // Until this process exits, and refuses to start more.
            while tree(&std::env::var("MARK").unwrap()).start().is_ok() {
                let _ = send.send(()); // Nobody listens in the end.
            }
        });
    }
    for _ in 0..6 {
        started.recv().unwrap();
    }
    std::process::exit(3);
}

fn playing(part: &str, mark: &str) -> Command {
    let mut command = rerun::playing("ends_of_tests::part", part);
    command.env("MARK", mark);
    command
}

fn mark(part: &str) -> String {
    format!("mark-{}-{}", part.replace(' ', "-"), std::process::id())
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
    part: &str,
) {
    let mark = mark(part);
    let output = playing(part, &mark).output().unwrap();
    let printed = rerun::printed(&output);
    assert!(printed.contains("started"), "{printed}");
    // No waiting: all has stopped before the process ended.
    assert_eq!(processes_with_mark(&mark), [], "{printed}");
}

#[test]
fn those_who_watch_are_told_how_each_process_ended() {
    let output = playing("passes", &mark("watched")).env("MIRAKURU_LOG", "info").output().unwrap();
    let printed = rerun::printed(&output);
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
fn nothing_is_left_soon_after_a_test_process_has_died(#[values("aborts", "executes")] part: &str) {
    let mark = mark(part);
    let output = playing(part, &mark).output().unwrap();
    let printed = rerun::printed(&output);
    assert!(printed.contains("started"), "{printed}");
    eventually(LONG, || processes_with_mark(&mark).is_empty());
}

#[rstest]
fn nothing_is_left_soon_after_a_signal(#[values("KILL", "TERM", "INT", "HUP")] signal: &str) {
    let mark = mark(signal);
    let mut command = playing("waits", &mark);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("started")));
    assert!(processes_with_mark(&mark).len() >= 6, "two servers with two children each");

    let status = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
    let status = child.wait().unwrap();
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
