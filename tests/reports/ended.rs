//! Processes that exit before they are ready, or with an unexpected status.

use std::time::Duration;

use expect_test::expect;
use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::eventually;

use crate::normal::{SHORT, check, fails};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn by_a_status_with_last_lines() {
    let script = "seq 30; echo FATAL: no such database >&2; exit 3";
    let executor = Executor::shell(script).name("database").tcp("127.0.0.1:{port}");
    fails(
        &executor,
        &expect![[r#"
            database: exited with code 3 before it was ready
              command: /bin/sh -c 'seq 30; echo FATAL: no such database >&2; exit 3'
              waited for: a TCP connection to 127.0.0.1:PORT
              last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 30.0 s)
              process: exited with code 3
              output (LOG):
                <24 bytes omitted before this>
                12
                13
                14
                15
                16
                17
                18
                19
                20
                21
                22
                23
                24
                25
                26
                27
                28
                29
                30
                FATAL: no such database
        "#]],
    );
}

#[test]
fn by_a_status_without_a_word() {
    fails(
        &Executor::new("false").output("ready"),
        &expect![[r#"
            false: exited with code 1 before it was ready
              command: false
              waited for: a line of output that matches `ready`
              last observation: nothing was written (checked N times in TIME of 30.0 s)
              process: exited with code 1
              output: none (LOG)
        "#]],
    );
}

#[test]
fn well_but_before_it_was_ready() {
    fails(
        &Executor::new("true").output("ready"),
        &expect![[r#"
            true: exited with code 0 before it was ready
              command: true
              waited for: a line of output that matches `ready`
              last observation: nothing was written (checked N times in TIME of 30.0 s)
              process: exited with code 0
              output: none (LOG)
              help: it ended without an error: it may need an option to stay in the foreground, or a standard input, which is empty unless `stdin` gives one
        "#]],
    );
}

#[test]
fn by_a_signal() {
    fails(
        &Executor::shell("echo working; kill -SEGV $$").output("ready"),
        &expect![[r#"
            script: was ended by SIGSEGV before it was ready
              command: /bin/sh -c 'echo working; kill -SEGV $$'
              waited for: a line of output that matches `ready`
              last observation: no such line (checked N times in TIME of 30.0 s)
              process: was ended by SIGSEGV
              output (LOG):
                working
        "#]],
    );
}

#[test]
fn a_launcher_that_failed_and_left_others() {
    let script = "sleep 60 & sleep 0.05; exit 4";
    let executor = Executor::shell(script).name("launcher").output("ready");
    fails(
        &executor,
        &expect![[r#"
            launcher: exited with code 4 before it was ready
              command: /bin/sh -c 'sleep 60 & sleep 0.05; exit 4'
              waited for: a line of output that matches `ready`
              last observation: nothing was written (checked N times in TIME of 30.0 s)
              process: exited with code 4, but left others running
              output: none (LOG)
        "#]],
    );
}

#[test]
fn unexpectedly_before_its_stop() {
    let mut process = Executor::shell("echo bad disk; exit 2").name("database").start().unwrap();
    process.wait_timeout(LONG).unwrap();
    check(
        &process.stop().unwrap_err(),
        &expect![[r#"
            database exited with code 2, which was not expected
              command: /bin/sh -c 'echo bad disk; exit 2'
              process: exited with code 2
              output (LOG):
                bad disk
              help: if this end is expected, add `expect_exit(2)`
        "#]],
    );
}

#[test]
fn not_at_all_while_it_is_waited_for() {
    let mut process = Executor::new("sleep 60").start().unwrap();
    check(
        &process.wait_timeout(SHORT).unwrap_err(),
        &expect![[r#"
        sleep has not ended within 0.600 s
          command: sleep 60
          process: running as pid PID
          output: none (LOG)
    "#]],
    );
}

#[test]
fn before_it_gets_a_signal() {
    let mut process = Executor::new("true").start().unwrap();
    process.wait_timeout(LONG).unwrap();
    let error = process.signal(mirakuru_rstest::Signal::HUP).unwrap_err();
    check(
        &error,
        &expect![[r#"
        true has ended
          command: true
          process: exited with code 0
          output: none (LOG)
    "#]],
    );
}

#[test]
fn with_something_left() {
    let process = Executor::new("sleep 60").start().unwrap();
    check(
        &process.leak_check().unwrap_err(),
        &expect![[r#"
            sleep has left running: pid PID (`sleep 60`)
              command: sleep 60
              process: running as pid PID
              output: none (LOG)
              help: it has not been stopped: `stop` ends it with all that it has spawned
        "#]],
    );
}

#[test]
fn a_line_of_the_log_that_does_not_come() {
    let process = Executor::shell("echo Ready; sleep 60").start().unwrap();
    eventually(LONG, || !process.log().read().unwrap().is_empty());
    check(
        &process.log().wait_for("^ready$", SHORT).unwrap_err(),
        &expect![[r#"
            no line of output matched `^ready$` within 0.600 s
              output (LOG):
                Ready
              help: `Ready` differs in upper and lower case only
        "#]],
    );
}

#[test]
fn a_line_of_the_log_that_cannot_come_any_more() {
    let mut process = Executor::shell("echo working").start().unwrap();
    process.wait_timeout(LONG).unwrap();
    let error = process.log().wait_for("ready", LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    check(
        &error,
        &expect![[r#"
            no line of output matched `ready`, and the process has ended
              output (LOG):
                working
        "#]],
    );
}
