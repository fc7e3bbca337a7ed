//! A line of output that does not appear, or appears with a small difference.

use expect_test::{Expect, expect};
use mirakuru_rstest::{Banner, Executor, Stream};

use crate::normal::{SHORT, fails};

#[track_caller]
fn prints(script: &str, banner: impl Into<Banner>, expected: &Expect) {
    let script = format!("{script}; sleep 60");
    let executor = Executor::shell(script).name("database").output(banner).timeout(SHORT);
    fails(&executor, expected);
}

#[test]
fn no_output_at_all() {
    prints(
        ":",
        "ready",
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `ready`
              command: /bin/sh -c ':; sleep 60'
              waited for: a line of output that matches `ready`
              last observation: nothing was written (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: some programs buffer their output unless a terminal reads it: see `stdbuf -oL`, `python3 -u`, or wait for something else than output
        "#]],
    );
}

#[test]
fn other_output() {
    prints(
        "echo starting; echo loading",
        "^ready$",
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `^ready$`
              command: /bin/sh -c 'echo starting; echo loading; sleep 60'
              waited for: a line of output that matches `^ready$`
              last observation: no such line (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                starting
                loading
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn fewer_times_than_wanted() {
    prints(
        "echo ready",
        Banner::new("ready").times(2),
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `ready`, 2 times
              command: /bin/sh -c 'echo ready; sleep 60'
              waited for: a line of output that matches `ready`, 2 times
              last observation: it came 1 time (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                ready
              help: if that is the line that is meant, correct the pattern
        "#]],
    );
}

#[test]
fn on_the_other_stream() {
    let banner = Banner::new("^ready$").on(Stream::Stderr);
    prints(
        "echo ready",
        banner,
        &expect![[r#"
            database: not ready within 0.600 s: a line of standard error that matches `^ready$`
              command: /bin/sh -c 'echo ready; sleep 60'
              waited for: a line of standard error that matches `^ready$`
              last observation: no such line, but it came on standard output (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                ready
              help: wait for that stream, or for both: `Banner::on`
        "#]],
    );
}

#[test]
fn in_another_case() {
    prints(
        "echo Server Ready",
        "ready",
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `ready`
              command: /bin/sh -c 'echo Server Ready; sleep 60'
              waited for: a line of output that matches `ready`
              last observation: no such line, but `Server Ready` differs in upper and lower case only (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                Server Ready
              help: if that is the line that is meant, correct the pattern
        "#]],
    );
}

#[test]
fn with_something_before_it() {
    prints(
        "echo '12:00 ready'",
        "^ready$",
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `^ready$`
              command: /bin/sh -c "echo '12:00 ready'; sleep 60"
              waited for: a line of output that matches `^ready$`
              last observation: no such line, but `12:00 ready` matches without `^` and `$` (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                12:00 ready
              help: if that is the line that is meant, correct the pattern
        "#]],
    );
}

#[test]
fn with_a_typing_error() {
    let banner = "ready to accept conections";
    prints(
        "echo '[7] ready to accept connections tcp'",
        banner,
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `ready to accept conections`
              command: /bin/sh -c "echo '[7] ready to accept connections tcp'; sleep 60"
              waited for: a line of output that matches `ready to accept conections`
              last observation: no such line, but `[7] ready to accept connections tcp` is similar (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                [7] ready to accept connections tcp
              help: if that is the line that is meant, correct the pattern
        "#]],
    );
}

#[test]
fn what_would_change_the_terminal_of_the_reader() {
    prints(
        r"printf '\033]0;title\007\033[31mred\033(B\033[m\r\n1%%\r2%%\n\233[H\010\000'; : '\x1b[2J'",
        "ready",
        &expect![[r#"
            database: not ready within 0.600 s: a line of output that matches `ready`
              command: /bin/sh -c "printf '\\033]0;title\\007\\033[31mred\\033(B\\033[m\\r\\n1%%\\r2%%\\n\\233[H\\010\\000'; : '\\x1b[2J'; sleep 60"
              waited for: a line of output that matches `ready`
              last observation: no such line (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                red
                1%
                2%
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn a_report_has_no_control_characters() {
    let with_control = Executor::new(["sh", "-c", "exit 1", "\x1b[2J\r"]).output("\u{9b}ready");
    let command = ["sh", "-c", r"printf '\033[2Jno\n'; exit 1", "\x1b"];
    let by_command = Executor::new("sleep 60").ready_command(command);
    let by_line = Executor::shell(r"printf '\033[31mFATAL\007\n'; sleep 60").output("ready");
    for executor in [with_control, by_command, by_line.fail_on("FATAL")] {
        let error = executor.timeout(SHORT).start().unwrap_err();
        let (line, report) = (error.to_string(), format!("{error:?}"));
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!report.replace('\n', "").contains(char::is_control), "{report:?}");
    }
}

#[test]
fn only_on_standard_error_which_is_not_buffered() {
    let banner = Banner::new("^ready$").on(Stream::Stdout);
    prints(
        "echo warning >&2",
        banner,
        &expect![[r#"
        database: not ready within 0.600 s: a line of standard output that matches `^ready$`
          command: /bin/sh -c 'echo warning >&2; sleep 60'
          waited for: a line of standard output that matches `^ready$`
          last observation: nothing was written to standard output (checked N times in TIME of 0.600 s)
          process: running as pid PID
          output (LOG):
            warning
          help: some programs buffer their output unless a terminal reads it: see `stdbuf -oL`, `python3 -u`, or wait for something else than output
    "#]],
    );
}

#[test]
fn only_on_standard_output() {
    let banner = Banner::new("^ready$").on(Stream::Stderr);
    prints(
        "echo loading",
        banner,
        &expect![[r#"
        database: not ready within 0.600 s: a line of standard error that matches `^ready$`
          command: /bin/sh -c 'echo loading; sleep 60'
          waited for: a line of standard error that matches `^ready$`
          last observation: nothing was written to standard error (checked N times in TIME of 0.600 s)
          process: running as pid PID
          output (LOG):
            loading
          help: it writes to standard output: wait for that, by `Banner::on`
    "#]],
    );
}
