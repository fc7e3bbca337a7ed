//! A line of output.

use std::time::Instant;

use mirakuru_core::{Banner, ErrorKind, Executor, Stream};
use mirakuru_tests::bin;
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};

#[test]
fn a_line_on_stdout_is_waited_for_and_the_next_one_can_be_read() {
    let process = Executor::shell("sleep 0.2; : > $READY_MARK; echo foo; echo bar; sleep 300")
        .output(Banner::new("foo").on(Stream::Stdout))
        .timeout(LONG)
        .start_when_ready();
    assert!(process.is_running());
    assert_eq!(process.log().wait_for("^b", LONG).unwrap(), "bar");
}

#[test]
fn a_line_on_stderr_is_waited_for_and_the_next_one_can_be_read() {
    let script = "sleep 0.2; : > $READY_MARK; echo foo >&2; echo bar >&2; sleep 300";
    for banner in [Banner::new("foo"), Banner::new("foo").on(Stream::Stderr)] {
        let process = Executor::shell(script).output(banner).timeout(LONG).start_when_ready();
        assert!(process.is_running());
        assert_eq!(process.log().wait_for("^b", LONG).unwrap(), "bar");
    }
}

#[test]
fn a_line_that_never_comes_is_a_timeout() {
    let mark = mark();
    let server = [bin!("mk-banner"), "--text", "foo", "--mark", &mark];
    let error = fails(&Executor::new(server).output("foobar").timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["foobar", "mk-banner"]);
    nothing_left(&mark);
}

#[test]
fn a_line_on_the_other_stream_does_not_count() {
    let server = || Executor::new([bin!("mk-banner"), "--text", "foo"]).timeout(SHORT);
    fails(&server().output(Banner::new("foo").on(Stream::Stderr)), ErrorKind::Timeout);
    let on_stderr = server().arg("--stderr").output(Banner::new("foo").on(Stream::Stdout));
    fails(&on_stderr, ErrorKind::Timeout);
}

#[test]
fn a_line_after_megabytes_of_others_is_found() {
    let server = [bin!("mk-banner"), "--lines", "60000", "--text", "BANNER_READY"];
    for server in [Executor::new(server), Executor::new(server).arg("--stderr")] {
        let process = server.output("^BANNER_READY$").timeout(LONG).start_when_ready();
        assert!(process.is_running());
        assert!(process.log().read().unwrap().len() > 60_000 * 80);
    }
}

#[test]
fn a_line_written_in_two_pieces_is_found() {
    let server = [bin!("mk-banner"), "--text", "BANNER", "--split"];
    let process = Executor::new(server).output("^BANNER$").timeout(LONG).start_when_ready();
    assert!(process.is_running());
}

#[test]
fn an_exit_before_the_line_is_reported_at_once() {
    let executor = Executor::new(["bash", "-c", "echo foo"]).output("foobar").timeout(LONG);
    let error = fails(&executor, ErrorKind::Exited);
    assert!(error.exit().unwrap().success());
    reports(&error, &["foobar", "foo"]);
}

#[test]
fn a_line_begun_and_never_ended_counts_only_if_it_matches() {
    let begun = [bin!("mk-banner"), "--text", "BAN", "--no-newline"];
    fails(&Executor::new(begun).output("BANNER").timeout(SHORT), ErrorKind::Timeout);
    let whole = [bin!("mk-banner"), "--text", "BANNER", "--no-newline"];
    Executor::new(whole).output("BANNER").timeout(LONG).start_when_ready();
}

#[test]
fn endless_output_does_not_delay_the_timeout() {
    let server = [bin!("mk-banner"), "--text", "noise", "--chat", "0"];
    let began = Instant::now();
    let error = fails(&Executor::new(server).output("banner").timeout(SHORT), ErrorKind::Timeout);
    assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
    reports(&error, &["and on", "bytes omitted"]);
}

#[test]
fn megabytes_in_short_lines_delay_neither_the_timeout_nor_its_report() {
    // `yes` writes faster than any reader reads.
    let executor = Executor::shell("yes | head -c 40000000; sleep 300").output("banner");
    let began = Instant::now();
    let error = executor.timeout(SHORT).start().unwrap_err();
    assert!(began.elapsed() < SHORT * 8, "{:?}", began.elapsed());
    assert_eq!(error.kind(), ErrorKind::Timeout);
    reports(&error, &["bytes omitted"]);
}

#[test]
fn a_line_of_megabytes_delays_neither_the_banner_nor_the_timeout() {
    let line = "head -c 2000000 /dev/zero | tr '\\0' x; echo ready";
    let executor = || Executor::shell(format!("{line}; exec sleep 300"));
    for banner in [Banner::new("x.ready$"), Banner::new(r"x(?<port>\w{5})$")] {
        executor().output(banner).timeout(LONG).start().unwrap();
    }
    for banner in ["^banner$", r"y\nbanner$"] {
        let began = Instant::now();
        fails(&executor().output(banner).timeout(SHORT), ErrorKind::Timeout);
        assert!(began.elapsed() < SHORT * 8, "{banner}: {:?}", began.elapsed());
    }
}

#[test]
fn a_line_that_grows_slowly_is_searched_in_time() {
    let dots = "printf 0.1; for i in $(seq 200000); do printf .............; done";
    let began = Instant::now();
    let executor = Executor::shell(format!("{dots}; sleep 300")).output("^banner$");
    let error = fails(&executor.timeout(SHORT), ErrorKind::Timeout);
    assert!(began.elapsed() < SHORT * 8, "{:?}", began.elapsed());
    reports(&error, &["....", "more characters"]);
}

#[test]
fn what_a_terminal_would_not_show_is_left_out() {
    for line in [
        r"\033[32mready\033(B\033[m",
        r"\033[1mready\033[m\017",
        r"\033]0;title\007ready",
        r"\033]8;;http://h/\033\\ready\033]8;;\033\\",
        r"\2331mready\2330m",
        r"\033Pq#0\033\\ready",
        r"loading 9%%\rloading 10%%\r\033[Kready",
        r"|\b/\bready",
    ] {
        let server = Executor::shell(format!(r"printf '{line}\n'; exec sleep 300"));
        server.output("^ready$").timeout(LONG).start_soon();
    }
}

#[test]
fn a_carriage_return_ends_a_line() {
    let script = r"printf 'port 80\rport 8080\r'; exec sleep 300";
    let executor = Executor::shell(script).output(Banner::new(r"^port (?<number>\d+)$").times(2));
    let process = executor.timeout(LONG).start_soon();
    assert_eq!(process.render("{number}").unwrap(), "8080");
}
