//! Tests of the running application. Run them by `cargo test -p axum-app`.

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use rstest::rstest;
use serde::Deserialize;

#[process_fixture]
fn postgres_server() -> Executor {
    servers::postgres().after_ready("createdb -h 127.0.0.1 -p {port} -U postgres app")
}

#[process_fixture]
fn redis_server() -> Executor {
    servers::redis()
}

/// The application is a binary of this package, which cargo has built for the tests. The servers that
/// it needs are started first, and stopped after it.
#[process_fixture]
fn app(postgres_server: Lease, redis_server: Lease) -> Executor {
    Executor::new("{bin:axum-app}")
        .env("PORT", "{port}")
        .env("DATABASE_URL", format!("postgresql://postgres@{}/app", postgres_server.addr()))
        .env("REDIS_URL", format!("redis://{}/", redis_server.addr()))
        .http("http://127.0.0.1:{port}/")
}

#[derive(Debug, Deserialize, PartialEq)]
struct Note {
    id: i32,
    text: String,
    reads: u64,
}

fn write(app: &Process, text: &str) -> Note {
    let mut response = ureq::post(format!("http://{}/notes", app.addr())).send(text).unwrap();
    response.body_mut().read_json().unwrap()
}

fn read(app: &Process, id: i32) -> Result<Note, ureq::Error> {
    ureq::get(format!("http://{}/notes/{id}", app.addr())).call()?.body_mut().read_json()
}

#[rstest]
fn a_note_is_kept(app: Lease, #[values("buy milk", "")] text: &str) {
    let id = write(&app, text).id;
    assert_eq!(read(&app, id).unwrap(), Note { id, text: text.to_owned(), reads: 1 });
}

#[rstest]
fn an_unknown_note_is_not_found(app: Lease) {
    assert!(matches!(read(&app, -1), Err(ureq::Error::StatusCode(404))));
}

/// A test that has Redis alone, while the application runs.
#[with_process(redis_server)]
#[with_process(app)]
#[test]
fn notes_outlive_the_counts(redis_server: &mut Process, app: &Process) {
    let id = write(app, "call mum").id;
    assert_eq!(read(app, id).unwrap().reads, 1);

    redis_server.stop().unwrap();
    assert!(matches!(read(app, id), Err(ureq::Error::StatusCode(500))));

    redis_server.restart().unwrap();
    assert_eq!(read(app, id).unwrap().reads, 1);
}
