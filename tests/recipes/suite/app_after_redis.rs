use std::io::{Read, Write};
use std::net::TcpStream;

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use rstest::rstest;

#[process_fixture]
fn store() -> Executor {
    servers::redis().name("store")
}

/// It starts when the Redis is ready, and stops before it.
#[process_fixture]
fn app(store: Lease) -> Executor {
    Executor::new("{bin:my-app}")
        .env("PORT", "{port}")
        .env("REDIS_URL", format!("redis://{}/", store.addr()))
        .http("http://127.0.0.1:{port}/health")
}

fn get(app: &Process) -> String {
    let mut answer = String::new();
    let mut client = TcpStream::connect(app.addr()).unwrap();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[rstest]
fn counts_visitors(app: Lease) {
    assert!(get(&app).starts_with("HTTP/1.0 200"));
}

/// This test has the Redis for itself, and the app that uses it.
#[with_process(store)]
#[with_process(app)]
#[test]
fn fails_without_its_redis(store: &mut Process, app: &Process) {
    assert_eq!(store.stopped(|| get(app)).unwrap(), "");
}
