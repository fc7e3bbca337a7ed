//! Commands that run before a start.

use std::fs;

use mirakuru_core::{ErrorKind, Executor, Process};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports, soon};
use mirakuru_tests::test_process::{TestProcess, playing, role, value};
use mirakuru_tests::{bin, eventually, scratch_dir, this_test};
use nix::sys::signal::Signal;

fn sleeps() -> Executor {
    Executor::new("sleep 300")
}

/// Returns a command that adds a line to a file of the process.
fn adds(line: &str) -> [String; 3] {
    ["sh".to_owned(), "-c".to_owned(), format!("echo {line} >> {{dir}}/lines")]
}

fn lines(process: &Process) -> Vec<String> {
    let text = fs::read_to_string(process.dir().join("lines")).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn commands_run_in_their_order_after_the_files_and_before_the_process() {
    let server = Executor::shell("echo server >> {dir}/lines; echo up; exec sleep 300");
    let server = server.file("{dir}/lines", "file\n").output("up");
    let process = server.before_start(adds("one")).before_start(adds("two")).start_soon();
    assert_eq!(lines(&process), ["file", "one", "two", "server"]);
}

#[test]
fn a_command_has_the_environment_and_the_directory_of_the_process_and_no_input() {
    let script = "cat; pwd > seen; echo $A >> seen";
    let process = sleeps().env("A", "{port}").current_dir("{dir}").stdin("text");
    let process = process.before_start(["sh", "-c", script]).start_soon();
    let seen = fs::read_to_string(process.dir().join("seen")).unwrap();
    assert_eq!(seen, format!("{}\n{}\n", process.dir().display(), process.port()));
    assert_eq!(process.log().read().unwrap(), "");
}

#[test]
fn output_of_a_command_is_logged_and_counts_for_no_condition() {
    let server = Executor::new([bin!("mk-banner"), "--delay", "100"]);
    let server = server.before_start("echo ready").output("^ready$").fail_on("^fatal$");
    let process = server.before_start("echo fatal").start_when_ready();
    assert!(process.log().read().unwrap().starts_with("ready\nfatal\n"));
}

#[test]
fn a_command_that_fails_is_the_error() {
    let mark = mark();
    let server = sleeps().arg(&mark).name("server").before_start("true");
    let error = fails(
        &server.before_start(["sh", "-c", "echo no space >&2; exit 3"]).before_start("sleep 300"),
        ErrorKind::Failed,
    );
    let what =
        "server: before_start failed: `sh -c 'echo no space >&2; exit 3'` exited with code 3";
    assert_eq!(error.to_string(), what);
    assert_eq!(error.exit().and_then(|exit| exit.code()), Some(3));
    reports(&error, &["sleep 300", "not started", "no space"]);
    nothing_left(&mark);
}

#[test]
fn a_command_whose_program_is_missing_fails_before_anything_runs() {
    let error = fails(&sleeps().before_start("no-such-program"), ErrorKind::NotFound);
    reports(&error, &["no-such-program"]);
    let error = fails(&sleeps().before_start(""), ErrorKind::InvalidInput);
    reports(&error, &["command"]);
}

#[test]
fn a_program_that_a_command_does_not_make_is_named() {
    let error = fails(&sleeps().before_start("{dir}/program"), ErrorKind::NotFound);
    reports(&error, &["/program"]);
}

#[test]
fn a_command_may_make_the_program() {
    let copies = "cp $(command -v sleep) {dir}/server";
    Executor::new("{dir}/server 300").before_start(["sh", "-c", copies]).start_soon();
}

#[test]
fn a_command_takes_part_of_the_time_limit() {
    let mark = mark();
    let server = sleeps().before_start(["sh", "-c", "sleep 300", &mark]).timeout(SHORT);
    let error = fails(&server, ErrorKind::Timeout);
    let what =
        format!("not ready within 0.600 s: `sh -c 'sleep 300' {mark}` of before_start still runs");
    reports(&error, &[&what]);
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn what_a_command_leaves_behind_is_gone_before_the_process_starts() {
    let command = "setsid sleep 300 & echo $! > {dir}/left";
    let server = "kill -0 $(cat {dir}/left) && echo alive; echo up; exec sleep 300";
    let server = Executor::shell(server).output("up");
    let process = server.before_start(["sh", "-c", command]).start_soon();
    let log = process.log().read().unwrap();
    assert!(log.contains("No such process") && !log.contains("alive"), "{log}");
}

#[test]
fn commands_run_again_at_a_restart() {
    let mut process = sleeps().before_start(adds("one")).start_soon();
    soon(|| process.restart()).unwrap();
    soon(|| process.stopped(|| ())).unwrap();
    assert_eq!(lines(&process), ["one"; 3]);
}

#[test]
fn a_command_that_fails_at_a_restart_leaves_the_process_stopped() {
    let server = sleeps().before_start(["sh", "-c", "mkdir {dir}/once"]);
    let mut process = server.start_soon();
    let error = soon(|| process.restart()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(!process.is_running());
    fs::remove_dir(process.dir().join("once")).unwrap();
    soon(|| process.restart()).unwrap();
    assert!(process.is_running());
}

#[test]
fn a_command_ends_with_its_test_process() {
    if role().is_some() {
        let command = format!("echo > {}; sleep 300", value("READY"));
        let command = ["sh", "-c", &command, &value("MARK")];
        let _ = sleeps().timeout(LONG).before_start(command).file("{dir}/a", "").start();
        return;
    }
    let temp = scratch_dir();
    let (mark, ready) = (mark(), temp.join("ready"));
    let mut command = playing(this_test!(), "is killed");
    command.env("MARK", &mark).env("READY", &ready).env("TMPDIR", &*temp);
    let mut process = TestProcess::start(&mut command);
    eventually(LONG, || ready.exists());
    process.signal(Signal::SIGKILL);
    nothing_left(&mark);
    eventually(LONG, || {
        fs::read_dir(&temp).unwrap().flatten().all(|it| !it.path().join("a").exists())
    });
}

#[test]
fn a_pid_file_that_a_command_has_left_does_not_count() {
    let server = Executor::shell("sleep 0.2; echo $$ > {dir}/pid; exec sleep 300");
    let server = server.before_start(["sh", "-c", "echo $$ > {dir}/pid"]).pid_file("{dir}/pid");
    let process = server.start_soon();
    let pid = fs::read_to_string(process.dir().join("pid")).unwrap();
    assert_eq!(pid.trim(), process.pid().to_string());
}
