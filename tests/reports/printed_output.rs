//! `MIRAKURU_LOG=output` prints what servers write, as it comes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use mirakuru_rstest::{Banner, Executor, Shared, Stream};
use mirakuru_tests::test_process::{self, say};

/// It writes coloured and plain lines, the last one unfinished, and one when it is stopped.
const SCRIPT: &str = "printf '\\033[31mred\\033[0m\\n\\nplain\\n'; printf 'no end'; \
    trap 'printf \" after all\\nbye\\nlast\"; exit' TERM; echo ready >&2; while :; do sleep 0.02; done";

static SHARED: Shared = Shared::new(|| talkative().name("shared"));

/// Both streams have a log of their own, because a line of one of them is waited for.
fn talkative() -> Executor {
    Executor::shell(SCRIPT).output(Banner::new("^ready$").on(Stream::Stderr)).name("talkative")
}

/// Plays a role for another test: a test process whose servers write.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    match role.as_str() {
        "has its own" => drop(talkative().start().unwrap()),
        "restarts" => talkative().start().unwrap().restart().unwrap(),
        // It is stopped when the process exits.
        "shares one" => thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| drop(SHARED.lease().unwrap()));
            }
        }),
        "writes much" => {
            let script = "yes | head -c 200000; echo ready; exec sleep 60";
            let process = Executor::shell(script).output("^ready$").start().unwrap();
            say("is ready");
            drop(process);
        }
        other => panic!("no role is called {other}"),
    }
}

fn playing(role: &str, log: &str) -> Command {
    let mut command = test_process::playing("printed_output::plays_a_role", role);
    command.env("MIRAKURU_LOG", log).stdin(Stdio::null());
    command
}

/// Returns the lines on stderr: those of the server's standard output, and how often it said on standard
/// error that it is ready.
fn printed(role: &str, log: &str) -> (Vec<String>, usize) {
    let output = playing(role, log).output().unwrap();
    assert!(output.status.success(), "{}", test_process::printed(&output));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let (ready, lines): (Vec<_>, _) =
        stderr.lines().map(str::to_owned).partition(|line| line.ends_with(" | ready"));
    (lines, ready.len())
}

fn lines_of(name: &str) -> Vec<String> {
    let lines = ["red", "", "plain", "no end after all", "bye", "last"];
    lines.map(|line| format!("{name} | {line}")).into()
}

#[test]
fn each_line_is_printed_once_in_its_order_until_the_end_of_the_server() {
    assert_eq!(printed("has its own", "output"), (lines_of("talkative"), 1));
}

#[test]
fn a_shared_server_is_printed_once_until_the_process_has_stopped_it() {
    assert_eq!(printed("shares one", "output"), (lines_of("shared"), 1));
}

#[test]
fn a_restarted_server_is_printed_from_where_it_was() {
    let (lines, ready) = printed("restarts", "output");
    let last = "talkative | lastred".to_owned();
    let lines_again = lines_of("talkative").into_iter().skip(1);
    let both: Vec<_> = lines_of("talkative")[..5].iter().cloned().chain([last]).collect();
    assert_eq!((lines, ready), (both.into_iter().chain(lines_again).collect(), 2));
}

#[test]
fn output_is_printed_beside_events_and_not_without_being_asked_for() {
    let (lines, _) = printed("has its own", "info,output");
    assert!(lines.iter().any(|line| line.starts_with("mirakuru: started talkative")), "{lines:?}");
    assert!(lines.iter().any(|line| line == "talkative | plain"), "{lines:?}");
    assert_eq!(printed("has its own", ""), (Vec::new(), 0));
}

#[test]
fn a_stderr_that_is_not_read_does_not_hold_up_the_server() {
    let mut command = playing("writes much", "output");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "is ready"));
    let mut printed = String::new();
    child.stderr.take().unwrap().read_to_string(&mut printed).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(printed.lines().filter(|line| line.ends_with(" | y")).count(), 100_000);
}
