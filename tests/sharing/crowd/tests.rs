//! Forty tests: half of them use the server of this binary, half that of the whole run.

use mirakuru_rstest::{Executor, Process, process_fixture, with_process};
use mirakuru_tests::http_get;
use rstest::rstest;

fn server(name: &str) -> Executor {
    Executor::new(["{bin:mk-http-server}", "{port}", "--mark", name])
        .http("http://127.0.0.1:{port}/")
        .name(name)
}

#[process_fixture(scope = "session")]
fn of_the_run() -> Executor {
    server("of-the-run")
}

#[process_fixture]
fn of_the_binary() -> Executor {
    server("of-the-binary")
}

fn answers(server: &Process) {
    let (code, pid) = http_get(&format!("http://{}/pid", server.addr()));
    assert_eq!((code, pid), (200, server.pid().to_string()));
}

#[with_process(of_the_run)]
#[rstest]
fn uses_the_server_of_the_run(
    server: &Process,
    #[values(0, 1, 2, 3, 4)] _first: u8,
    #[values(0, 1, 2, 3)] _second: u8,
) {
    answers(server);
}

#[with_process(of_the_binary)]
#[rstest]
fn uses_the_server_of_the_binary(
    server: &Process,
    #[values(0, 1, 2, 3, 4)] _first: u8,
    #[values(0, 1, 2, 3)] _second: u8,
) {
    answers(server);
}
