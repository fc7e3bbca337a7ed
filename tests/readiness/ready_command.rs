//! `ready_command`: a command that exits with code 0.

use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::starting::{
    LONG, SHORT, StartSoon, fails, mark, nothing_left, reports, restart_when_ready, soon,
};
use mirakuru_tests::{bin, test_process};

#[test]
fn it_is_asked_again_until_it_exits_with_0() {
    let server = Executor::shell("sleep 0.2; : > $READY_MARK; : > {dir}/up; exec sleep 300");
    let mut process = server.ready_command("test -e {dir}/up").timeout(LONG).start_when_ready();
    std::fs::remove_file(process.dir().join("up")).unwrap();
    restart_when_ready(&mut process);
}

#[test]
fn it_has_the_directory_and_the_environment_of_the_process() {
    let script = r#"test "$COLOUR" = blue && test "$PWD" = {dir} && : > $READY_MARK"#;
    let server = Executor::new("sleep 300").env("COLOUR", "blue").current_dir("{dir}");
    server.ready_command(["sh", "-c", script]).timeout(LONG).start_when_ready();
}

#[test]
fn its_output_stands_in_the_report() {
    let check = ["sh", "-c", "echo 'no response from {port}' >&2; exit 2"];
    let executor = Executor::new("sleep 300").env("PORT", "{port}").ready_command(check);
    let error = fails(&executor.timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["exit code 0 of `sh -c", "exited with code 2: no response from"]);
}

#[test]
fn the_process_itself_may_make_it() {
    let make = "printf '#!/bin/sh\\n' > {dir}/check; chmod +x {dir}/check";
    let server = Executor::shell(format!("sleep 0.1; : > $READY_MARK; {make}; exec sleep 300"));
    server.ready_command("{dir}/check").timeout(LONG).start_when_ready();
}

#[test]
fn its_output_does_not_pile_up() {
    let check = ["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x; exit 1"];
    let executor = Executor::new("sleep 300").ready_command(check).timeout(SHORT);
    let report = format!("{:?}", fails(&executor, ErrorKind::Timeout));
    assert!(report.len() < 2000, "{report}");
    let log = report.split(' ').find(|word| word.ends_with(".log") && word.contains("-check-"));
    assert!(std::fs::metadata(log.unwrap()).unwrap().len() <= 100_000);
}

#[test]
fn one_that_hangs_is_killed_and_tried_again() {
    let mark = mark();
    let check = format!(
        "test -e {{dir}}/seen && : > $READY_MARK && exit; : > {{dir}}/seen; sleep 300 # {mark}"
    );
    let process =
        Executor::new("sleep 300").env("DIR", "{dir}").ready_command(["sh", "-c", &check]);
    let process = process.timeout(LONG).start_when_ready();
    drop(process);
    nothing_left(&mark);
}

#[test]
fn an_exit_of_the_process_ends_the_wait_at_once() {
    let mark = mark();
    let check = format!("sleep 300 # {mark}");
    let executor = Executor::shell("sleep 0.1; exit 7").ready_command(["sh", "-c", &check]);
    let error = fails(&executor.timeout(LONG), ErrorKind::Exited);
    assert_eq!(error.exit().unwrap().code(), Some(7));
    nothing_left(&mark);
}

#[test]
fn one_that_is_missing_is_reported_before_anything_is_started() {
    let error =
        fails(&Executor::new("sleep 300").ready_command("nonsuch-check"), ErrorKind::NotFound);
    reports(&error, &["nonsuch-check"]);
}

#[test]
fn one_that_takes_long_is_not_run_without_a_pause() {
    let dir = mirakuru_tests::scratch_dir();
    let runs = dir.join("runs");
    let check = format!("echo run >> {}; sleep 0.05; exit 1", runs.display());
    let executor = Executor::new("sleep 300").ready_command(["sh", "-c", &check]);
    fails(&executor.timeout(Duration::from_millis(600)), ErrorKind::Timeout);
    // Without pauses there would be twelve.
    let runs = std::fs::read_to_string(runs).unwrap().lines().count();
    assert!((1..=6).contains(&runs), "{runs}");
}

/// Plays a role for another test: it is killed while a check hangs.
#[test]
fn plays_a_role() {
    let Some(mark) = test_process::role() else { return };
    let check = format!("echo $PPID > \"$OUT\"; sleep 300 # {mark}");
    let server = Executor::new([bin!("mk-signals"), "--mark", &mark]);
    let _ = server.ready_command(["sh", "-c", &check]).timeout(LONG).start();
}

#[test]
fn a_check_does_not_outlive_a_killed_test_process() {
    let mark = mark();
    let dir = mirakuru_tests::scratch_dir();
    let out = dir.join("out");
    let mut child = test_process::playing("ready_command::plays_a_role", &mark)
        .env("OUT", &out)
        .spawn()
        .unwrap();
    mirakuru_tests::eventually(LONG, || out.metadata().is_ok_and(|meta| meta.len() > 0));
    child.kill().unwrap();
    child.wait().unwrap();
    soon(|| nothing_left(&mark));
}

#[test]
fn one_that_leaves_others_behind_counts_by_its_own_exit() {
    let server = Executor::shell("sleep 0.2; : > $READY_MARK; : > {dir}/up; exec sleep 300");
    let check = "test -e {dir}/up && { sleep 300 & }";
    server.ready_command(["sh", "-c", check]).timeout(LONG).start_when_ready();
}
