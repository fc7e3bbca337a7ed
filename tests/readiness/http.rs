//! A URL that answers.

use std::fs;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mirakuru_core::{Attempt, ErrorKind, Executor, Http, Status};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};
use mirakuru_tests::{bin, http_get};

const ROOT: &str = "http://127.0.0.1:{port}/";

fn server() -> Executor {
    Executor::new([bin!("mk-http-server"), "{port}"]).timeout(LONG)
}

/// A server that answers 500 for that long after the first request with the method.
fn slow(method: &str, warm_ms: &str) -> Executor {
    Executor::new([bin!("mk-slow-http"), "{port}", "--method", method, "--warm-ms", warm_ms])
}

#[test]
fn a_server_below_a_shell_is_waited_for() {
    let script = format!("sleep 0.2 && {} {{port}}; true", bin!("mk-http-server"));
    let mut process = Executor::shell(script).http(ROOT).timeout(LONG).start_when_ready();
    assert!(process.is_running());
    assert_eq!(http_get(&process.url()).0, 200);
    process.stop().unwrap();
    assert!(!process.is_running());
}

#[test]
fn nothing_listens_before_the_start_nor_after_the_end() {
    let wait = "until [ -e {dir}/go ]; do sleep 0.01; done";
    let script = format!("{wait}; {} {{port}}; true", bin!("mk-http-server"));
    let refused_before = |attempt: &Attempt<'_>| {
        let go = attempt.dir().unwrap().join("go");
        let refuses = || TcpStream::connect(("127.0.0.1", attempt.port().unwrap())).is_err();
        // All conditions are polled once more at the end, when the server listens.
        let refused = go.exists() || refuses();
        fs::write(go, "").unwrap();
        refused
    };
    let executor = Executor::shell(script).probe(refused_before).http(ROOT).timeout(LONG);
    let mut process = executor.start_when_ready();
    let (address, go) = (process.addr(), process.dir().join("go"));
    process
        .stopped(|| {
            assert!(TcpStream::connect(address).is_err());
            fs::remove_file(go).unwrap();
        })
        .unwrap();
    assert_eq!(http_get(&process.url()).0, 200);
    drop(process);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn answers_of_500_are_not_ready_by_any_method() {
    for (method, http) in
        [("HEAD", Http::head(ROOT)), ("GET", Http::get(ROOT)), ("POST", Http::post(ROOT))]
    {
        let began = Instant::now();
        let process = slow(method, "200").http(http).timeout(LONG).start_when_ready();
        assert!(began.elapsed() >= Duration::from_millis(200), "{method}");
        assert!(process.is_running());
        assert_eq!(http_get(&process.url()).0, 200);
    }
}

#[test]
fn a_form_is_posted() {
    let form = || Http::post(ROOT).form([("key", "hole")]);
    let process = slow("KEY", "200").http(form()).timeout(LONG).start_when_ready();
    assert!(process.is_running());
    assert_eq!(http_get(&process.url()).0, 200);

    let wrong = Http::post(ROOT).form([("key", "bolt")]);
    let error = fails(&slow("KEY", "0").http(wrong).timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["HTTP status 500"]);
}

#[test]
fn answers_of_500_to_the_end_are_a_timeout() {
    for (method, http) in
        [("HEAD", Http::head(ROOT)), ("GET", Http::get(ROOT)), ("POST", Http::post(ROOT))]
    {
        let mark = mark();
        let executor = slow(method, "60000").args(["--mark", &mark]).http(http).timeout(SHORT);
        let error = fails(&executor, ErrorKind::Timeout);
        assert!(error.to_string().contains("not ready within 0.600 s"), "{error}");
        reports(&error, &["HTTP status 500", method]);
        nothing_left(&mark);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_second_server_at_a_url_is_refused() {
    let first = server().http(ROOT).start_when_ready();
    let port = first.port();
    let second = Executor::new([bin!("mk-http-server"), &port.to_string()]).http(first.url());
    for _ in 0..2 {
        let error = fails(&second, ErrorKind::AlreadyRunning);
        assert!(error.to_string().contains("already running"), "{error}");
        reports(&error, &[&format!("pid {}", first.pid()), &port.to_string()]);
    }
    assert_eq!(http_get(&first.url()).0, 200);
}

#[test]
fn a_url_without_a_port_means_port_80() {
    // The message names the port, whether or not a process listens there.
    let executor = Executor::new("sleep 300").http("http://127.0.0.1/").timeout(SHORT);
    reports(&executor.start().unwrap_err(), &["127.0.0.1:80"]);
}

#[test]
fn a_status_outside_of_200_to_299_is_not_ready() {
    for status in [Status::from(200..=299), Status::from(200)] {
        let http = Http::head("http://127.0.0.1:{port}/nowhere").status(status);
        let error = fails(&server().http(http).timeout(SHORT), ErrorKind::Timeout);
        reports(&error, &["HTTP status 404"]);
    }
    let http = "http://127.0.0.1:{port}/nowhere";
    fails(&server().http(http).timeout(SHORT), ErrorKind::Timeout);
}

#[test]
fn a_status_is_a_number_a_range_or_a_pattern() {
    for status in [
        Status::from(404),
        Status::from(400..=404),
        Status::from("404"),
        Status::from(r"(2|4)\d\d"),
        Status::from("(200|404)"),
    ] {
        let http = Http::head("http://127.0.0.1:{port}/nowhere").status(status);
        assert!(server().http(http).start_when_ready().is_running());
    }
}

/// Returns the requests in the order in which the server received them.
#[track_caller]
fn requests(url: &str) -> Vec<String> {
    let executor = server().http(Http::head(url).status(200..=499));
    let process = executor.start_when_ready();
    let log = process.log().read().unwrap();
    log.lines().filter(|line| line.starts_with("HEAD ")).map(String::from).collect()
}

#[test]
fn the_whole_url_but_for_its_fragment_is_asked_for() {
    let asked = requests("http://127.0.0.1:{port}/a/b;x=1?wait=yes&t=1#part");
    assert_eq!(asked, ["HEAD /a/b;x=1?wait=yes&t=1"]);
    assert_eq!(requests("http://127.0.0.1:{port}?q=1"), ["HEAD /?q=1"]);
    assert_eq!(requests("http://127.0.0.1:{port}"), ["HEAD /"]);
}

#[test]
fn a_server_that_accepts_and_never_answers_is_a_timeout() {
    let mark = mark();
    let hangs = "http://127.0.0.1:{port}/hang";
    let http = Http::get(hangs).request_timeout(Duration::from_millis(100));
    for http in [Http::get(hangs), Http::head(hangs), http] {
        let executor = server().args(["--mark", &mark]).http(http).timeout(SHORT);
        let error = fails(&executor, ErrorKind::Timeout);
        reports(&error, &["/hang", "listening on"]);
    }
    nothing_left(&mark);
}

#[test]
fn a_request_may_not_take_no_time() {
    let http = Http::get(ROOT).request_timeout(Duration::ZERO);
    fails(&server().http(http), ErrorKind::InvalidInput);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_request_is_the_only_connection() {
    let Some(python) = mirakuru_tests::need("python3") else { return };
    let script = "import os, socket, sys
open(os.environ['READY_MARK'], 'w').close()
server = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True:
    client, _ = server.accept()
    print('accepted', client.recv(1000)[:6], flush=True)
    client.sendall(b'HTTP/1.1 204 Up\\r\\n\\r\\n')
    client.close()";
    for (port, url) in [("{port}", "http://127.0.0.1:{port}/"), ("0", "http://127.0.0.1:0/")] {
        let server = Executor::new([python.clone()]).args(["-c", script, port]).http(url);
        let process = server.timeout(LONG).start_when_ready();
        assert_eq!(process.log().read().unwrap(), "accepted b'HEAD /'\n", "{url}");
    }
}
