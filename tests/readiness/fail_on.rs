//! `fail_on`: a line that means that the process will never be ready.

use mirakuru_rstest::{Attempt, ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};

#[test]
fn such_a_line_ends_the_wait_whatever_is_waited_for() {
    let mark = mark();
    let server = || {
        let script = format!("echo one; sleep 0.1; echo 'FATAL: no disk' >&2; sleep 300 # {mark}");
        Executor::shell(script)
            .env("PORT", "{port}")
            .fail_on("^FATAL")
            .fail_on("panic")
            .timeout(LONG)
    };
    for executor in [
        server().output("ready"),
        server().tcp("127.0.0.1:{port}"),
        server().http("http://127.0.0.1:{port}/"),
        server().unix_socket("{dir}/s"),
        server().pid_file("{dir}/pid"),
        server().notify(),
        server().ready_fd(3),
        server().ready_command("false"),
        server().probe(|_: &mirakuru_rstest::Attempt<'_>| false),
    ] {
        let error = fails(&executor, ErrorKind::Failed);
        reports(&error, &["will not be ready: it printed `FATAL: no disk`", "`^FATAL`"]);
    }
    nothing_left(&mark);
}

#[test]
fn a_line_of_an_earlier_start_does_not_count() {
    let script =
        "[ -e {dir}/again ] || echo ready; : > {dir}/again; echo FATAL; echo ready; exec sleep 300";
    let executor = Executor::shell(script).output("ready").timeout(LONG);
    let mut process = executor.start_soon();
    process.restart().unwrap();

    let first = Executor::shell("echo ready; sleep 0.1; echo FATAL; exec sleep 300");
    let mut process = first.output("ready").fail_on("FATAL").timeout(LONG).start_soon();
    process.log().wait_for("FATAL", LONG).unwrap();
    process.restart().unwrap();
}

#[test]
fn a_process_that_never_prints_it_becomes_ready() {
    let executor =
        Executor::shell("echo fatal; sleep 0.05; : > $READY_MARK; echo ready; exec sleep 300");
    executor.output("ready").fail_on("^FATAL").timeout(LONG).start_when_ready();
}

#[test]
fn output_that_is_looked_at_lets_nothing_else_be_looked_at_more_often() {
    let asked = |executor: Executor| {
        let never = |_: &Attempt<'_>| false;
        let executor = executor.probe(never).timeout(SHORT * 2);
        let report = format!("{:?}", fails(&executor, ErrorKind::Timeout));
        let count = report.split("(checked ").nth(1).unwrap().split(' ').next().unwrap();
        count.parse::<u32>().unwrap()
    };
    // Some thousand lines in a second: more than there are polls, and cheap to search.
    let server = Executor::shell(
        "list=$(seq 1000); while :; do for i in $list; do :; done; echo line; done",
    );
    // The machine may be busy during one of the two, but not each time.
    let counts =
        [(); 3].map(|()| (asked(server.clone()), asked(server.clone().fail_on("^never$"))));
    let is_kept = counts.iter().any(|(unwatched, watched)| *watched < unwatched * 3 / 2);
    assert!(is_kept, "without and with a watch, it was polled {counts:?} times");
}
