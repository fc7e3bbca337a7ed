//! rstest fixtures.

use mirakuru_rstest::{Executor, Lease, Process, process, process_fixture, with_process};
use mirakuru_tests::{bin, http_get};
use rstest::{fixture, rstest};

/// A server for all tests here.
#[process_fixture]
fn server() -> Executor {
    let command = [bin!("mk-http-server"), "{port}", "--mark", "fixtures"];
    Executor::new(command).http("http://127.0.0.1:{port}/")
}

mod elsewhere {
    use mirakuru_rstest::{Executor, process_fixture};

    #[process_fixture(scope = "session")]
    pub(super) fn sleeper() -> Executor {
        Executor::new("sleep 71")
    }
}

use elsewhere::sleeper;

#[rstest]
fn a_fixture_hands_out_leases(server: Lease) {
    assert_eq!(http_get(&server.url()).0, 200);
}

#[rstest]
#[case("/", 200)]
#[case("/status/404", 404)]
fn a_fixture_stands_beside_cases(server: Lease, #[case] path: &str, #[case] code: u16) {
    assert_eq!(http_get(&format!("http://{}{path}", server.addr())).0, code);
}

#[rstest]
fn a_fixture_may_have_another_name_in_the_test(#[from(server)] renamed: Lease) {
    assert!(renamed.is_running());
}

#[fixture]
fn base_url(server: Lease) -> (Lease, String) {
    let url = format!("http://{}", server.addr());
    (server, url)
}

#[rstest]
fn a_fixture_may_build_on_it(base_url: (Lease, String)) {
    assert_eq!(http_get(&base_url.1).0, 200);
}

#[rstest]
#[tokio::test]
async fn a_fixture_serves_async_tests(server: Lease) {
    assert!(server.is_running());
}

#[with_process(server)]
#[rstest]
fn the_attribute_names_the_same_process(server: &Process, #[from(self::server)] lease: Lease) {
    assert_eq!(server.pid(), lease.pid());
}

#[with_process(server)]
#[test]
fn the_attribute_gets_it_exclusively(server: &mut Process) {
    let port = server.port();
    server.restart().unwrap();
    assert_eq!(server.port(), port);
}

#[rstest]
fn a_fixture_can_be_imported(sleeper: Lease) {
    assert!(sleeper.is_running());
}

#[with_process(elsewhere::sleeper)]
#[rstest]
fn the_scope_of_a_fixture_counts_for_the_attribute_too(
    elsewhere: &Process,
    #[from(sleeper)] lease: Lease,
) {
    assert_eq!(elsewhere.pid(), lease.pid());
}

#[test]
fn the_function_of_a_fixture_still_describes_the_process() {
    let own = server().start().unwrap();
    assert_ne!(own.pid(), server::default().pid());
}

#[rstest]
fn a_process_is_described_where_it_is_used(
    #[with("python3 -m http.server {port} --bind 127.0.0.1", "http://127.0.0.1:{port}/")]
    process: Lease,
) {
    assert_eq!(http_get(&process.url()).0, 200);
}

#[rstest]
#[case::tcp("python3 -m http.server {port} --bind 127.0.0.1", "tcp:127.0.0.1:{port}")]
#[case::unix(concat!(env!("CARGO_BIN_EXE_mk-unix-server"), " {dir}/s"), "unix:{dir}/s")]
#[case::pid(concat!(env!("CARGO_BIN_EXE_mk-pid-file"), " {dir}/pid"), "pid:{dir}/pid")]
#[case::output("sh -c 'echo up; sleep 60'", "output:^up$")]
#[case::notify(concat!(env!("CARGO_BIN_EXE_mk-notify"), " READY=1"), "notify")]
#[case::command("sh -c ': > {dir}/up; sleep 60'", "command:test -e {dir}/up")]
#[case::nothing("sleep 72", "")]
fn a_described_process_is_ready_by_any_condition(
    #[case] _command: &str,
    #[case] _ready: &str,
    #[with(_command, _ready)] process: Lease,
) {
    assert!(process.is_running());
}

#[test]
fn an_unknown_condition_is_refused() {
    let panicked = std::panic::catch_unwind(|| process::partial_2("sleep 1", "8080")).unwrap_err();
    let message = panicked.downcast_ref::<String>().unwrap();
    assert!(message.contains("tcp:HOST:PORT"), "{message}");
}
