//! A first suite: four tests that share one HTTP server, and one that has a server of its own.
//!
//! ```sh
//! MIRAKURU_LOG=info cargo test -p mirakuru-tests --test quickstart
//! ```

use std::thread;

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, with_process};
use mirakuru_tests::{http_get, try_http_get};
use rstest::rstest;

/// The server of this suite. `{port}` is a free port; the server is ready when the URL answers.
#[process_fixture]
fn hello() -> Executor {
    Executor::new(["{bin:mk-http-server}", "{port}"]).http("http://127.0.0.1:{port}/").name("hello")
}

/// A fixture hands out leases. The first one starts the server.
#[rstest]
#[case::root("/", 200)]
#[case::missing("/nonsuch", 404)]
fn answers(hello: Lease, #[case] path: &str, #[case] code: u16) {
    assert_eq!(http_get(&format!("http://{}{path}", hello.addr())).0, code);
}

/// `&Process`: this test shares the server with the others, which run at the same time.
#[with_process(hello)]
#[test]
fn serves_many_at_once(hello: &Process) {
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(http_get(&hello.url()), (200, "ok".to_owned())));
        }
    });
}

/// `&mut Process`: this test has the server alone for a while, and may turn it off.
#[with_process(hello)]
#[test]
fn comes_back_at_the_same_address(hello: &mut Process) {
    let url = hello.url();
    let while_off = hello.stopped(|| try_http_get(&url)).unwrap();
    assert!(while_off.is_err());
    assert_eq!(http_get(&hello.url()).0, 200);
}

/// `Process`: this server was started for this test, and is stopped at its end.
#[with_process(
    bin = "mk-http-server",
    args = ["{port}"],
    http = "http://127.0.0.1:{port}/",
    env(GREETING = "hello"),
    name = "own"
)]
#[test]
fn may_have_its_own(own: Process) {
    assert_eq!(http_get(&format!("http://{}/env/GREETING", own.addr())).1, "hello");
}
