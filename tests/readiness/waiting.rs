//! The wait: no stall, no hang, no missed event, and one time limit.

use std::iter;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use mirakuru_core::{Attempt, Banner, ErrorKind, Executor, Http, Stdin};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};
use mirakuru_tests::{bin, eventually, test_process, this_test};

/// Far more than the capacity of a pipe.
const TEN_MIB: u64 = 10 * 1024 * 1024;

#[test]
fn megabytes_of_output_before_ready_do_not_stall() {
    let flood = TEN_MIB.to_string();
    let server = [bin!("mk-tcp-server"), "{port}", "--flood", &flood];
    let process = Executor::new(server).tcp("127.0.0.1:{port}").timeout(LONG).start_when_ready();
    eventually(LONG, || process.log().path().metadata().unwrap().len() > TEN_MIB);
}

#[test]
fn megabytes_of_output_after_ready_do_not_stall() {
    let flood = TEN_MIB.to_string();
    let server = [bin!("mk-banner"), "--flood", &flood];
    let process = Executor::new(server).output("^ready$").timeout(LONG).start_when_ready();
    let log = process.log();
    eventually(LONG, || log.path().metadata().unwrap().len() > TEN_MIB);
    assert!(process.is_running());
}

#[test]
fn an_end_before_the_line_comes_with_its_code_and_its_output() {
    let server = [bin!("mk-exit"), "7", "--stderr", "FATAL: bad config"];
    let error = fails(&Executor::new(server).output("ready").timeout(LONG), ErrorKind::Exited);
    assert_eq!(error.exit().unwrap().code(), Some(7));
    reports(&error, &["FATAL: bad config"]);
}

#[test]
fn an_end_before_the_port_comes_with_its_code_and_its_output() {
    for (code, address) in [("7", "127.0.0.1:{port}"), ("0", "localhost:{port}")] {
        let server = [bin!("mk-exit"), code, "--stderr", "FATAL: bad config"];
        let error = fails(&Executor::new(server).tcp(address).timeout(LONG), ErrorKind::Exited);
        assert_eq!(error.exit().unwrap().code().unwrap().to_string(), code);
        reports(&error, &["FATAL: bad config"]);
    }
}

/// Connects until no more connections are accepted, and returns those that were.
fn fill_backlog(address: SocketAddr) -> Vec<TcpStream> {
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100));
    iter::repeat_with(connect).map_while(Result::ok).collect()
}

#[test]
fn a_full_backlog_honours_the_time_limit() {
    for is_http in [false, true] {
        let kept = Mutex::new(Vec::new());
        let fill = move |attempt: &Attempt<'_>| {
            let more = fill_backlog(([127, 0, 0, 1], attempt.port().unwrap()).into());
            let is_full = !more.is_empty();
            kept.lock().unwrap().extend(more);
            is_full
        };
        let limit = Duration::from_secs(1);
        let server = [bin!("mk-tcp-server"), "{port}", "--no-accept"];
        let executor = Executor::new(server).probe(fill).timeout(limit);
        let executor = if is_http {
            executor.http("http://127.0.0.1:{port}/")
        } else {
            executor.tcp("127.0.0.1:{port}")
        };
        let error = fails(&executor, ErrorKind::Timeout);
        reports(&error, &["does not accept"]);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_strangers_full_backlog_does_not_delay_the_start() {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap();
    let _kept = fill_backlog(address);
    fails(&Executor::new("sleep 300").tcp(address.to_string()), ErrorKind::AlreadyRunning);
}

#[test]
fn an_answer_that_is_no_http_is_not_ready() {
    let server = [bin!("mk-tcp-server"), "{port}"];
    let executor = Executor::new(server).http("http://127.0.0.1:{port}/");
    fails(&executor.timeout(SHORT), ErrorKind::Timeout);
}

#[test]
fn ipv6_is_as_good_as_ipv4() {
    let server = [bin!("mk-tcp-server"), "{port}", "--host", "::1"];
    for address in ["[::1]:{port}", "localhost:{port}"] {
        let process = Executor::new(server).tcp(address).timeout(LONG).start_when_ready();
        assert!(process.addr().is_ipv6(), "{}", process.addr());
        TcpStream::connect(process.addr()).unwrap();
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn http_over_ipv6_is_asked_and_a_second_server_refused() {
    let server = [bin!("mk-http-server"), "{port}", "--host", "::1"];
    let first = Executor::new(server).http("http://[::1]:{port}/").timeout(LONG).start_when_ready();
    assert_eq!(mirakuru_tests::http_get(&first.url()).0, 200);
    let second = Executor::new("sleep 300").http(first.url()).timeout(LONG);
    reports(&fails(&second, ErrorKind::AlreadyRunning), &[&format!("pid {}", first.pid())]);
}

#[test]
fn an_address_of_ipv4_in_the_form_of_ipv6_is_the_same() {
    let server = Executor::new([bin!("mk-http-server"), "{port}"]).timeout(LONG);
    for server in [
        server.clone().tcp("[::ffff:127.0.0.1]:{port}"),
        server.http("http://[::ffff:127.0.0.1]:{port}/"),
    ] {
        assert!(server.start_when_ready().addr().is_ipv4());
    }
}

#[test]
fn names_below_localhost_are_this_machine_and_stay_in_the_request() {
    for name in ["app.localhost", "localhost.", "A.B.LocalHost."] {
        for host in ["127.0.0.1", "::1"] {
            let server = Executor::new([bin!("mk-http-server"), "{port}", "--host", host]);
            let url = format!("http://{name}:{{port}}/host/{name}:{{port}}");
            let server = server.http(url).tcp(format!("{name}:{{port}}"));
            server.timeout(LONG).start_when_ready();
        }
    }
}

#[test]
fn a_host_that_does_not_resolve_is_an_error_before_the_start() {
    let mark = mark();
    // A label of 64 characters is invalid, so no name server is asked.
    let host = "x".repeat(64);
    let executor = Executor::shell(format!("sleep 300 # {mark}")).timeout(LONG);
    for executor in
        [executor.clone().tcp(format!("{host}:80")), executor.http(format!("http://{host}/"))]
    {
        let error = fails(&executor, ErrorKind::InvalidInput);
        reports(&error, &[&host, "does not resolve"]);
    }
    nothing_left(&mark);
}

#[test]
fn a_url_that_cannot_be_requested_as_it_stands_is_refused() {
    for url in ["https://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/", "http://me@127.0.0.1/"] {
        fails(&Executor::new("sleep 300").http(url).timeout(LONG), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_server_that_knows_no_head_is_asked_by_get() {
    for code in ["405", "501"] {
        let server = [bin!("mk-http-server"), "{port}", "--no-head", code];
        let executor = Executor::new(server).http("http://127.0.0.1:{port}/");
        let process = executor.timeout(LONG).start_when_ready();
        assert!(process.log().read().unwrap().contains("GET /\n"), "{code}");
    }
}

#[test]
fn a_redirect_is_reported_and_not_followed() {
    let server = [bin!("mk-http-server"), "{port}"];
    let executor = Executor::new(server).http("http://127.0.0.1:{port}/status/302");
    let error = fails(&executor.timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["HTTP status 302", "with status 2xx"]);
}

#[test]
fn a_status_pattern_means_the_whole_code() {
    let server = [bin!("mk-http-server"), "{port}"];
    for pattern in ["2", "00", "20|404"] {
        let http = Http::head("http://127.0.0.1:{port}/").status(pattern);
        let error = fails(&Executor::new(server).http(http).timeout(SHORT), ErrorKind::Timeout);
        reports(&error, &["HTTP status 200"]);
    }
}

#[test]
fn readiness_is_seen_long_before_the_limit() {
    let server = [bin!("mk-tcp-server"), "{port}", "--delay", "200"];
    Executor::new(server).tcp("127.0.0.1:{port}").timeout(LONG).start_when_ready();
}

#[test]
fn the_limit_is_met_and_not_overshot() {
    let began = Instant::now();
    fails(&Executor::new("sleep 300").output("never").timeout(SHORT), ErrorKind::Timeout);
    let elapsed = began.elapsed();
    assert!((SHORT..SHORT * 8).contains(&elapsed), "{elapsed:?}");
}

#[test]
fn a_limit_too_short_for_anything_is_a_timeout() {
    for limit in [Duration::from_nanos(1), Duration::from_micros(100)] {
        let mark = mark();
        let executor = Executor::shell(format!("sleep 300 # {mark}")).output("never");
        let error = fails(&executor.timeout(limit), ErrorKind::Timeout);
        reports(&error, &["not ready within"]);
        nothing_left(&mark);
    }
}

fn prompt(pattern: &str) -> Executor {
    let server = Executor::new([bin!("mk-prompt")]).stdin(Stdin::Piped);
    server.output(pattern).timeout(LONG)
}

#[test]
fn a_prompt_without_an_end_of_line_is_found() {
    for pattern in ["db> ", "^db> $", "db>"] {
        let process = prompt(pattern).start_when_ready();
        assert!(process.is_running(), "{pattern}");
    }
}

#[test]
fn anchors_are_the_ends_of_every_line() {
    let script =
        "printf 'not ready\\nready now\\n'; sleep 0.05; : > $READY_MARK; echo ready; sleep 300";
    let process = Executor::shell(script).output("^ready$").timeout(LONG).start_when_ready();
    assert!(process.is_running());
    let part = "printf 'not ready\\nready now\\n'; sleep 300";
    fails(&Executor::shell(part).output("^ready$").timeout(SHORT), ErrorKind::Timeout);
}

#[test]
fn a_pattern_over_two_lines_does_not_depend_on_how_they_were_written() {
    let at_once = "sleep 0.05; : > $READY_MARK; printf 'one\\ntwo\\n'";
    let in_pieces = "echo one; sleep 0.1; printf t; sleep 0.1; : > $READY_MARK; echo wo";
    for script in [at_once, in_pieces] {
        let executor = Executor::shell(format!("{script}; sleep 300")).output(r"^one\ntwo$");
        assert!(executor.timeout(LONG).start_when_ready().is_running());
    }
}

#[test]
fn one_pattern_is_looked_for_on_both_streams() {
    let mark = "sleep 0.05; : > $READY_MARK";
    let script = format!("{mark}; echo first; echo second >&2; sleep 300");
    for pattern in ["first", "second"] {
        Executor::shell(&script).output(pattern).timeout(LONG).start_when_ready();
    }
    let twice = Executor::shell(format!("echo up; {mark}; echo up >&2; sleep 300"));
    twice.output(Banner::new("^up$").times(2)).timeout(LONG).start_when_ready();
}

#[test]
fn a_line_across_the_edge_of_a_buffer_is_found() {
    // 101 lines of 81 bytes end 11 bytes before the end of a buffer of 8192.
    let text = "a line that is longer than that";
    for split in [None, Some("--split")] {
        let server = Executor::new([bin!("mk-banner"), "--lines", "101", "--text", text]);
        let executor = server.args(split).output(format!("^{text}$"));
        assert!(executor.timeout(LONG).start_when_ready().is_running());
    }
}

#[test]
fn bytes_that_are_not_text_do_no_harm() {
    let script = r"sleep 0.05; : > $READY_MARK; printf '\377\376\n\377 ready\n'; sleep 300";
    let process = Executor::shell(script).output("ready$").timeout(LONG).start_when_ready();
    assert!(process.log().read().unwrap().ends_with("\u{fffd} ready\n"));
}

#[test]
fn a_probe_that_waits_knows_its_deadline() {
    let waits = |attempt: &Attempt<'_>| {
        let left = attempt.deadline().saturating_duration_since(Instant::now());
        assert!(left <= SHORT);
        Err::<(), _>("no client came")
    };
    let error = fails(&Executor::new("sleep 300").probe(waits).timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["no client came"]);
}

/// As by Ctrl-Z, in a debugger, or in a paused container.
#[test]
fn a_server_that_became_ready_while_its_test_was_stopped_is_ready() {
    const WEB: &str = "sleep 0.6; exec python3 -m http.server {port} --bind 127.0.0.1";
    const FILE: &str = "sleep 0.6; touch {dir}/up; exec sleep 300";
    let Some(role) = test_process::role() else {
        let test = this_test!();
        let play = |role| test_process::playing(test, role).stdout(Stdio::piped()).spawn();
        let roles = ["http", "command", "tcp", "file"].map(|role| (role, play(role).unwrap()));
        for (role, child) in roles {
            let output = child.wait_with_output().unwrap();
            let printed = test_process::printed(&output);
            assert!(output.status.success() && printed.contains("1 passed"), "{role}: {printed}");
        }
        return;
    };
    let executor = match role.as_str() {
        "http" => Executor::shell(WEB).http("http://127.0.0.1:{port}/"),
        "command" => Executor::shell(FILE).ready_command("test -e {dir}/up"),
        "tcp" => Executor::shell(WEB).tcp("127.0.0.1:{port}"),
        _ => Executor::shell(FILE).pid_file("{dir}/up"),
    };
    let own = std::process::id();
    let stop = format!("sleep 0.3; kill -STOP {own}; sleep 2; kill -CONT {own}");
    let mut stop = std::process::Command::new("sh").args(["-c", &stop]).spawn().unwrap();
    executor.timeout(Duration::from_secs(1)).start().unwrap();
    stop.wait().unwrap();
}

#[test]
fn a_server_that_fails_right_after_it_said_that_it_was_ready_is_not_ready() {
    let python = ["python3", "-c", "import sys; print('ready', flush=True); sys.exit(3)"];
    let inner = "sh -c 'echo ready; exit 3'; exit $?";
    let file = Executor::shell("echo $$ > {dir}/pid; exit 3").pid_file("{dir}/pid");
    let notify = Executor::shell("echo >&4; exit 3").ready_fd(4);
    let mut missed = 0;
    for _ in 0..10 {
        for executor in [
            Executor::shell("echo ready; exit 3").output("ready"),
            Executor::shell(inner).output("ready"),
            Executor::new(python).output("ready"),
            file.clone(),
            notify.clone(),
        ] {
            match executor.timeout(LONG).start() {
                Ok(_) => missed += 1,
                Err(error) => assert_eq!(error.exit().unwrap().code(), Some(3), "{error:?}"),
            }
        }
    }
    // Between the end of a child and the moment at which its parent is woken, all of them sleep.
    assert!(missed <= 2, "{missed} of 50 counted as ready");
}

#[test]
fn a_server_that_is_busy_after_its_banner_is_ready_soon() {
    for script in ["echo ready; while :; do :; done", "echo ready; sleep 300"] {
        let executor = Executor::shell(script).output("ready").timeout(LONG);
        let began = Instant::now();
        let process = executor.start_soon();
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        drop(process);
    }
}
