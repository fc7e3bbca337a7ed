//! Members that do not start, and ends of the program.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use mirakuru_core::{ErrorKind, Executor, RunningStack, Stack};
use mirakuru_tests::starting::{LONG, mark, nothing_left};
use mirakuru_tests::test_process::{self, TestProcess, playing, say, value};
use mirakuru_tests::{eventually, need, processes_with_mark, scratch_dir, this_test};
use nix::sys::signal::Signal;

use crate::{fails, gated, lines, logs, start, waits_for};

/// Listens without `SO_REUSEADDR`.
const LISTENS_WITHOUT_REUSE: &str = "use IO::Socket::INET; my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', \
    LocalPort => $ARGV[0], Listen => 5) or die \"bind: $!\\n\"; sleep 60;";

#[test]
fn one_that_fails_stops_the_others_in_reverse_order_and_is_the_error() {
    let dir = scratch_dir();
    let (log, never) = (dir.join("log"), dir.join("never"));
    let bad = Executor::shell("echo no space >&2; exit 3").output("^up$").env("APP", "{app.dir}");
    let stack = Stack::new()
        .add("db", logs("db", &log).env("DIR", "{dir}"))
        .add("app", logs("app", &log).env("DB", "{db.dir}").env("DIR", "{dir}"))
        .add("bad", bad)
        .add("slow", gated("slow", &log, &waits_for(&never)).timeout(LONG))
        .add("later", logs("later", &log))
        .needs("later", "bad");
    let error = fails(&stack, ErrorKind::Exited);
    assert_eq!(error.to_string(), "bad: exited with code 3 before it was ready");
    assert!(format!("{error:?}").contains("no space"), "{error:?}");
    let stopped: Vec<_> = lines(&log).into_iter().filter(|it| it.starts_with("stop")).collect();
    let at = |line: &str| stopped.iter().position(|it| it == line).unwrap();
    assert!(at("stop app") < at("stop db"), "{stopped:?}");
    assert_eq!((at("stop slow") < 3, stopped.len()), (true, 3));
    assert!(!lines(&log).contains(&"start later".to_owned()));
}

#[test]
fn a_step_that_fails_is_the_error_and_one_that_runs_is_ended() {
    let mark = mark();
    let runs = Executor::new("sleep 300").before_start(format!("sh -c 'sleep 300; echo {mark}'"));
    let fails_later = Executor::new("sleep 300").after_ready("false");
    let stack = Stack::new().add("runs", runs.timeout(LONG)).add("fails", fails_later);
    let error = fails(&stack, ErrorKind::Failed);
    assert_eq!(error.to_string(), "fails: after_ready failed: `false` exited with code 1");
    nothing_left(&mark);
}

#[test]
fn a_member_that_cannot_bind_a_reserved_port_gets_another_that_all_know() {
    let Some(perl) = need("perl") else { return };
    let strict = Executor::new([perl.to_str().unwrap(), "-e", LISTENS_WITHOUT_REUSE, "{port}"]);
    let user = Executor::shell("echo port {strict.port}; sleep 300").output("port \\d+");
    let peer = Executor::new("sleep 300").env("PEER", "{strict.port}").env("PORT", "{port}");
    let strict = strict.tcp("127.0.0.1:{port}").env("PEER", "{peer.port}");
    let stack = Stack::new().add("user", user).add("strict", strict).add("peer", peer);
    let stack = start(&stack);
    let expected = format!("port {}\n", stack["strict"].port());
    assert_eq!(stack["user"].log().read().unwrap(), expected);
    let peer = std::fs::read_to_string(format!("/proc/{}/environ", stack["peer"].pid())).unwrap();
    assert!(peer.contains(&format!("PEER={}", stack["strict"].port())), "{peer}");
}

#[test]
fn a_stack_is_stopped_by_a_panic_which_prints_what_its_members_wrote() {
    if test_process::role().is_some() {
        let says = |text: &str| Executor::shell(format!("echo {text}; sleep 300")).output(text);
        let _stack = Stack::new().add("db", says("one")).add("app", says("two")).start().unwrap();
        panic!("on purpose");
    }
    let output = playing(this_test!(), "panics").output().unwrap();
    let printed = test_process::printed(&output);
    for part in ["--- db: running as pid", "one", "--- app: running as pid", "two"] {
        assert!(printed.contains(part), "{printed}");
    }
}

#[test]
fn stopping_reports_an_unexpected_end_and_stops_the_others() {
    let dir = scratch_dir();
    let log = dir.join("log");
    let app = Executor::shell("trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done");
    let app = app.output("^up$").env("DB", "{db.dir}");
    let stack = Stack::new().add("app", app).add("db", logs("db", &log).env("DIR", "{dir}"));
    let mut stack = start(&stack);
    let error = stack.stop().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedExit);
    assert!(error.to_string().starts_with("app exited with code 5"), "{error}");
    assert_eq!(lines(&log), ["start db", "ready db", "stop db"]);
    stack.stop().unwrap();
}

fn logged_stack(dir: &str) -> Stack {
    let log = Path::new(dir).join("log");
    let member = |name: &str| logs(name, &log).env("DIR", "{dir}");
    let stack = Stack::new().add("web", member("web")).add("db", member("db"));
    stack.add("app", member("app").env("DB", "{db.dir}")).needs("web", "app")
}

const IN_REVERSE_ORDER: [&str; 3] = ["stop web", "stop app", "stop db"];

#[test]
fn a_stack_whose_program_is_killed_stops_in_reverse_order_and_leaves_nothing() {
    if test_process::role().is_some() {
        let stack = logged_stack(&value("DIR")).start().unwrap();
        say("is ready");
        return thread::park_timeout(LONG * stack.processes().count() as u32);
    }
    let dir = scratch_dir();
    let mut command: Command = playing(this_test!(), "holds a stack");
    let mut process = TestProcess::start(command.env("DIR", &*dir));
    process.line("is ready");
    process.signal(Signal::SIGKILL);
    nothing_left(dir.to_str().unwrap());
    assert_eq!(lines(&dir.join("log"))[6..], IN_REVERSE_ORDER);
}

#[test]
fn a_stack_in_a_static_stops_in_reverse_order_when_the_program_exits() {
    static STACK: OnceLock<RunningStack> = OnceLock::new();
    if test_process::role().is_some() {
        let stack = logged_stack(&value("DIR")).start().unwrap();
        assert!(STACK.get_or_init(|| stack)["db"].is_running());
        return;
    }
    let dir = scratch_dir();
    let output = playing(this_test!(), "exits").env("DIR", &*dir).output().unwrap();
    assert!(output.status.success(), "{}", test_process::printed(&output));
    // Not later either: the program has waited for the end of all.
    assert_eq!(processes_with_mark(dir.to_str().unwrap()), []);
    assert_eq!(lines(&dir.join("log"))[6..], IN_REVERSE_ORDER);
}

#[test]
fn a_program_that_is_killed_while_a_stack_starts_leaves_nothing() {
    if test_process::role().is_some() {
        let never = Executor::shell(format!("sleep 300 # {}", value("MARK"))).output("^never$");
        let never = || never.clone().timeout(LONG);
        let stack = Stack::new().add("one", never()).add("two", never());
        return drop(stack.start());
    }
    let mark = mark();
    let mut command = playing(this_test!(), "starts a stack");
    let mut process = TestProcess::start(command.env("MARK", &mark));
    eventually(LONG, || processes_with_mark(&mark).len() >= 4);
    process.signal(Signal::SIGKILL);
    nothing_left(&mark);
}
