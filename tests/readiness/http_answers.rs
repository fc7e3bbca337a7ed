//! What a report quotes of unexpected HTTP answers.

use std::fs;
use std::time::Duration;

use mirakuru_core::{ErrorKind, Executor, Http};
use mirakuru_tests::starting::{LONG, SHORT, fails, reports};
use mirakuru_tests::{bin, scratch_dir};

const BUSY: &str = "http://127.0.0.1:{port}/busy";

fn server() -> Executor {
    Executor::new([bin!("mk-http-server"), "{port}"]).timeout(SHORT)
}

/// Returns the methods of the requests in their order, and true if the start succeeded.
fn methods(http: Http, limit: Duration) -> (Vec<String>, bool) {
    let dir = scratch_dir();
    let log = dir.join("log");
    let script = format!("exec {} {{port}} 2>{}", bin!("mk-http-server"), log.display());
    let started = Executor::shell(script).http(http).timeout(limit).start();
    let log = fs::read_to_string(log).unwrap();
    let first = |line: &str| line.split(' ').next().unwrap().to_owned();
    (log.lines().map(first).collect(), started.is_ok())
}

#[test]
fn the_first_line_of_a_body_is_quoted() {
    let error = fails(&server().http(Http::get(BUSY)), ErrorKind::Timeout);
    reports(&error, &["last observation: HTTP status 503: warming up (checked"]);
}

#[test]
fn the_answer_to_a_head_is_quoted_by_its_status_alone() {
    let error = fails(&server().http(BUSY), ErrorKind::Timeout);
    reports(&error, &["waited for: HEAD", "last observation: HTTP status 503 (checked"]);
}

#[test]
fn no_get_is_sent_in_the_place_of_another_method() {
    let warm = "http://127.0.0.1:{port}/warm?ms=300";
    for (http, limit, starts, only) in [
        (Http::head(warm), LONG, true, "HEAD"),
        (Http::head(BUSY), SHORT, false, "HEAD"),
        (Http::post(BUSY), SHORT, false, "POST"),
    ] {
        let (methods, started) = methods(http, limit);
        assert_eq!(started, starts, "{only}");
        assert!(methods.len() > 1 && methods.iter().all(|method| method == only), "{methods:?}");
    }
}

#[test]
fn a_connection_that_is_closed_without_an_answer_is_reported_as_such() {
    for http in [Http::get, Http::head] {
        let error =
            fails(&server().http(http("http://127.0.0.1:{port}/close")), ErrorKind::Timeout);
        reports(&error, &["last observation: closed the connection without an answer (checked"]);
    }
}

#[test]
fn what_is_no_http_is_called_so() {
    let echo = Executor::new([bin!("mk-tcp-server"), "{port}"]).timeout(SHORT);
    let error = fails(&echo.http("http://127.0.0.1:{port}/"), ErrorKind::Timeout);
    reports(&error, &["last observation: the answer is not HTTP ("]);
}
