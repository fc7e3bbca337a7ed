//! The log of a process, whatever the process does to its output.

use std::fs;
use std::process::Command;

use mirakuru_core::{Banner, ErrorKind, Executor, Stream};
use mirakuru_tests::starting::{LONG, StartSoon, soon};
use mirakuru_tests::test_process::{ROLE, playing, printed, role, say};
use mirakuru_tests::this_test;

#[test]
fn a_process_that_opens_dev_stdout_again_loses_no_line() {
    for script in [
        "echo first; echo second > /dev/stderr; echo third",
        "echo first; echo second > /dev/stdout; echo third",
        "echo first; echo second | tee /dev/stderr > /dev/null; echo third",
        "echo first; echo second > /proc/self/fd/2; echo third >&2",
        r#"echo first; python3 -c 'open("/dev/stdout", "w").write("second\n")'; echo third"#,
    ] {
        let process = Executor::shell(format!("{script}; exec sleep 300")).output("^third$");
        let process = process.start_soon();
        assert_eq!(process.log().read().unwrap(), "first\nsecond\nthird\n", "{script}");
    }
}

#[test]
fn a_line_after_such_an_opening_is_found() {
    let script =
        "echo a long first line; read go; echo x > /dev/stderr; echo found; exec sleep 300";
    let process = || Executor::shell(script).stdin("\n");
    process().output("^found$").start_soon();
    process().output(Banner::new("^found$").on(Stream::Stdout)).start_soon();
    let error = process().output("^never$").fail_on("^found$").start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error:?}");
    let process = process().start_soon();
    assert_eq!(process.log().wait_for("^found$", LONG).unwrap(), "found");
}

#[test]
fn streams_that_are_opened_again_stay_apart() {
    let script = "echo out; echo err >&2; echo out > /dev/stdout; echo err > /dev/stderr; echo end";
    let script = format!("{script}; exec sleep 300");
    let process = Executor::shell(script).output(Banner::new("^end$").on(Stream::Stdout));
    let process = process.start_soon();
    let log = process.log();
    assert_eq!(fs::read_to_string(log.path()).unwrap(), "out\nout\nend\n");
    assert_eq!(log.read().unwrap(), "out\nout\nend\nerr\nerr\n");
}

#[test]
fn a_process_of_another_user_can_open_dev_stderr_again() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: only root can run a process as another user");
    }
    let script =
        "setpriv --reuid=65534 --clear-groups sh -c 'echo warning > /dev/stderr'; echo end";
    let process = Executor::shell(format!("{script}; exec sleep 300")).output("^end$");
    assert_eq!(process.start_soon().log().read().unwrap(), "warning\nend\n");
}

#[test]
fn what_was_written_before_another_condition_held_is_in_the_log() {
    for _ in 0..20 {
        let script = "echo written; echo $$ > {dir}/pid; exec sleep 300";
        let process = Executor::shell(script).pid_file("{dir}/pid").start_soon();
        assert_eq!(process.log().read().unwrap(), "written\n");
    }
}

#[test]
fn what_was_written_before_the_end_is_in_the_log_when_the_end_is_known() {
    let process = Executor::shell("seq 200000; echo end >&2; exit 3").expect_exit(3);
    let mut process = process.start_soon();
    soon(|| process.wait_timeout(LONG)).unwrap();
    let log = process.log().read().unwrap();
    assert_eq!(log.lines().count(), 200_001);
    assert!(log.ends_with("200000\nend\n"));
}

#[test]
fn lines_of_several_processes_stay_whole() {
    let writer = "for i in $(seq 500); do echo a line that is whole $i; done";
    let script =
        format!("for j in 1 2 3 4 5 6; do ({writer}) & done; wait; echo end; exec sleep 300");
    let process = Executor::shell(script).output("^end$").start_soon();
    let log = process.log().read().unwrap();
    let whole = log.lines().filter(|line| line.starts_with("a line that is whole ")).count();
    assert_eq!((whole, log.lines().count()), (3000, 3001));
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_supervisor_that_is_stopped_loses_nothing() {
    let script = "kill -STOP $PPID; (sleep 0.2; kill -CONT $PPID) & seq 100000; wait; echo end";
    let script = format!("sleep 0.1; {script}; exec sleep 300");
    let process = Executor::shell(script).start_soon();
    process.log().wait_for("^end$", LONG).unwrap();
    assert_eq!(process.log().read().unwrap().lines().count(), 100_001);
}

#[test]
fn a_log_that_can_grow_no_more_stops_no_server() {
    if role().is_some() {
        let script = "seq 100000; echo $$ > {dir}/pid; exec sleep 300";
        let process = Executor::shell(script).pid_file("{dir}/pid").start_soon();
        let log = fs::metadata(process.log().path()).unwrap().len();
        say(format!("logged {log} of 588895, running: {}", process.is_running()));
        let error = process.log().wait_for("^never$", LONG / 100).unwrap_err();
        return say(format!("{error:?}"));
    }
    let test = playing(this_test!(), "writes more than fits");
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -f 100; exec \"$@\"", "sh"]); // 100 blocks
    limited.arg(test.get_program()).args(test.get_args()).env(ROLE, "writes more than fits");
    let output = limited.output().unwrap();
    let text = printed(&output);
    assert!(text.contains("running: true"), "{text}");
    assert!(text.contains("cannot be logged and is lost: File too large"), "{text}");
}
