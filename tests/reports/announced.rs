//! Conditions in which the process takes part: notify, ready_fd, ready_command, listen, captures.

use expect_test::expect;
use mirakuru_rstest::Executor;
use mirakuru_tests::bin;

use crate::normal::{SHORT, fails};

fn server() -> Executor {
    Executor::new("sleep 60").name("database").timeout(SHORT)
}

fn says(message: &str) -> Executor {
    Executor::new([bin!("mk-notify"), message]).name("database").notify().timeout(SHORT)
}

#[test]
fn nothing_by_sd_notify() {
    fails(
        &server().notify(),
        &expect![[r#"
            database: not ready within 0.600 s: READY=1 by sd_notify
              command: sleep 60
              waited for: READY=1 by sd_notify
              last observation: it has not sent any message (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: does it support sd_notify, and is that turned on (`redis-server --supervised systemd`)? A shell in front of it has to `exec` it or pass on `NOTIFY_SOCKET`
        "#]],
    );
}

#[test]
fn a_status_by_sd_notify() {
    fails(
        &says("STATUS=loading 7 of 9"),
        &expect![[r#"
            database: not ready within 0.600 s: READY=1 by sd_notify
              command: BIN/mk-notify 'STATUS=loading 7 of 9'
              waited for: READY=1 by sd_notify
              last observation: its status is `loading 7 of 9` (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output (LOG):
                sent all
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn an_errno_by_sd_notify() {
    let script = format!("exec {} 'STATUS=cannot write' ERRNO=28", bin!("mk-notify"));
    // Its output may arrive before or after its exit.
    let executor = Executor::shell(format!("{script} > /dev/null")).name("database").notify();
    fails(
        &executor,
        &expect![[r#"
            database: will not be ready: it reported a failure by sd_notify: No space left on device (os error 28); its status is `cannot write`
              command: /bin/sh -c "exec BIN/mk-notify 'STATUS=cannot write' ERRNO=28 > /dev/null"
              process: running as pid PID
              output: none (LOG)
        "#]],
    );
}

#[test]
fn nothing_on_a_descriptor() {
    fails(
        &server().ready_fd(3),
        &expect![[r#"
            database: not ready within 0.600 s: a line on descriptor 3
              command: sleep 60
              waited for: a line on descriptor 3
              last observation: no line was written on it (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: does it know that it has to write an end of line to descriptor 3? In a shell that is `echo >&3`
        "#]],
    );
}

#[test]
fn the_end_of_a_descriptor() {
    let executor = Executor::shell("exec 3>&-; exec sleep 60").name("database").ready_fd(3);
    fails(
        &executor,
        &expect![[r#"
        database: will not be ready: it closed descriptor 3 without a line
          command: /bin/sh -c 'exec 3>&-; exec sleep 60'
          process: running as pid PID
          output: none (LOG)
          help: it has to write an end of line first: `echo >&3`
    "#]],
    );
}

#[test]
fn a_command_that_fails() {
    let check = ["sh", "-c", "echo 'no response' >&2; exit 2"];
    fails(
        &server().ready_command(check),
        &expect![[r#"
            database: not ready within 0.600 s: exit code 0 of `sh -c "echo 'no response' >&2; exit 2"`
              command: sleep 60
              waited for: exit code 0 of `sh -c "echo 'no response' >&2; exit 2"`
              last observation: exited with code 2: no response (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if the process is up, find out why `sh -c "echo 'no response' >&2; exit 2"` does not exit with code 0; the output of its last run is in LOG
        "#]],
    );
}

#[test]
fn a_command_that_cannot_be_run() {
    fails(
        &server().ready_command("mk-nonsuch-check -p 1"),
        &expect![[r#"
        database: no program `mk-nonsuch-check` in PATH (…)
          command: sleep 60
          help: install it, or give the path of its file
    "#]],
    );
}

#[test]
fn a_line_that_means_the_end() {
    let script = "echo 'FATAL: no disk'; sleep 60";
    let executor = Executor::shell(script).name("database").output("ready").fail_on("^FATAL");
    fails(
        &executor,
        &expect![[r#"
        database: will not be ready: it printed `FATAL: no disk`
          command: /bin/sh -c "echo 'FATAL: no disk'; sleep 60"
          process: running as pid PID
          output (LOG):
            FATAL: no disk
          help: its definition fails on output that matches `^FATAL`
    "#]],
    );
}

#[test]
fn a_line_that_means_failure_without_a_condition() {
    fails(
        &server().fail_on("^FATAL"),
        &expect![[r#"
        database: `fail_on` needs a condition to wait for: without one, a process is ready at once
    "#]],
    );
}

#[test]
fn a_placeholder_that_is_known_too_late() {
    fails(
        &server().arg("{port}").output(r"port (?<port>\d+)"),
        &expect![[r#"
            database: `{port}` in `{port}` of the command gets its value from the output of the process, which has printed nothing before it starts
              help: give the group another name, or let the process choose the value (as by port 0)
        "#]],
    );
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn no_port_at_all() {
    fails(
        &server().tcp("127.0.0.1:0"),
        &expect![[r#"
            database: not ready within 0.600 s: a TCP connection to any port of 127.0.0.1
              command: sleep 60
              waited for: a TCP connection to any port of 127.0.0.1
              last observation: it does not listen on any port (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: does it listen, and on 127.0.0.1? A process that passes its sockets to another one, which it did not start, cannot be followed
        "#]],
    );
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_passed_socket_that_does_not_accept() {
    fails(
        &server().listen("127.0.0.1:{port}").tcp("127.0.0.1:{port}"),
        &expect![[r#"
            database: not ready within 0.600 s: a TCP connection to 127.0.0.1:PORT
              command: sleep 60
              waited for: a TCP connection to 127.0.0.1:PORT
              last observation: 127.0.0.1:PORT: a connection waits to be accepted (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: the process inherits the socket, but does not accept: does it read `LISTEN_FDS`, and is it what was started? A shell in front of it has to `exec` it
        "#]],
    );
}

#[test]
fn a_handed_socket_that_cannot_be_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    fails(
        &server().listen(address),
        &expect![[r#"
            database: 127.0.0.1:PORT cannot be listened on: Address already in use (os error 98)
              help: 127.0.0.1:PORT is listened on by pid PID (`TESTS`), this test process itself: close it, or let this process have a port of its own by {port}
        "#]],
    );
}

#[test]
fn a_descriptor_that_is_not_to_be_had() {
    fails(
        &server().ready_fd(1),
        &expect![[r#"
        database: the readiness descriptor 1 is not one from 3 to 19
    "#]],
    );
}
