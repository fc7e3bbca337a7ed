//! Where `#[with_process]` can stand, and what its keys do.

use std::error::Error;
use std::time::Duration;

use mirakuru_rstest::{Executor, Process, Scope, Shared, Signal, with_process};
use mirakuru_tests::{alive, bin, http_get, try_http_get};
use rstest::rstest;

fn get(server: &Process, path: &str) -> String {
    http_get(&format!("http://{}{path}", server.addr())).1
}

#[with_process(bin = "mk-http-server", args = ["{port}"], http = "http://127.0.0.1:{port}/")]
fn alone_it_makes_a_test(server: &Process) {
    assert_eq!(get(server, "/"), "ok");
}

#[with_process(bin = "mk-http-server", args = ["{port}"], http = "http://127.0.0.1:{port}/")]
#[test]
fn above_a_test_that_returns_a_result(server: &Process) -> Result<(), Box<dyn Error>> {
    let port: u16 = server.render("{port}")?.parse()?;
    assert_eq!(port, server.port());
    Ok(())
}

#[with_process(bin = "mk-http-server", args = ["{port}"], http = "http://127.0.0.1:{port}/")]
#[tokio::test]
async fn above_a_tokio_test(server: &Process) -> Result<(), Box<dyn Error>> {
    let url = server.url();
    let (code, _) = tokio::task::spawn_blocking(move || http_get(&url)).await?;
    assert_eq!(code, 200);
    Ok(())
}

#[with_process(bin = "mk-http-server", args = ["{port}"], http = "http://127.0.0.1:{port}/")]
#[tokio::test(flavor = "multi_thread")]
async fn above_a_tokio_test_with_many_threads(server: &mut Process) {
    server.restart().unwrap();
    assert_eq!(get(server, "/"), "ok");
}

#[with_process(bin = "mk-http-server", args = ["{port}"], http = "http://127.0.0.1:{port}/")]
#[rstest]
#[case("/status/204", 204)]
#[case("/status/418", 418)]
fn above_rstest_with_cases(server: &Process, #[case] path: &str, #[case] code: u16) {
    assert_eq!(http_get(&format!("http://{}{path}", server.addr())).0, code);
}

#[rstest::fixture]
fn word() -> &'static str {
    "fixture"
}

#[with_process(bin = "mk-http-server", args = ["{port}"], http = "http://127.0.0.1:{port}/")]
#[rstest]
fn above_rstest_with_fixtures(word: &str, server: &Process, #[values(1, 2)] number: u8) {
    assert_eq!((get(server, "/").as_str(), word), ("ok", "fixture"));
    assert!(number > 0);
}

#[with_process(shell = "echo no one looks; exec sleep 60", output = "looks", name = "unseen")]
#[test]
fn a_process_without_parameter_runs() {
    static SAME: Shared = Shared::new(|| {
        Executor::shell("echo no one looks; exec sleep 60").output("looks").name("unseen")
    });
    assert_eq!(SAME.lease_count(), 1);
}

#[with_process(cmd = "sleep 61")]
#[with_process(cmd = "sleep 62")]
#[with_process(cmd = "sleep 63")]
#[test]
fn several_come_in_their_order(first: &Process, second: &mut Process, third: Process) {
    let commands = [first, &*second, &third].map(|process| {
        std::fs::read_to_string(format!("/proc/{}/cmdline", process.pid())).unwrap()
    });
    assert_eq!(commands, ["sleep\x0061\0", "sleep\x0062\0", "sleep\x0063\0"]);
}

#[with_process(cmd = "sleep 64", name = "one")]
#[with_process(cmd = "sleep 65", name = "two")]
#[test]
fn a_parameter_may_name_its_process(two: &Process) {
    assert_eq!(two.name(), "two");
}

static SLEEPER: Shared = Shared::new(|| Executor::new("sleep 66").name("sleeper"));

fn described() -> Executor {
    Executor::new("sleep 66").name("sleeper")
}

#[with_process(SLEEPER)]
#[with_process(described)]
#[test]
fn a_static_and_a_function_are_definitions(by_static: &Process, by_function: &Process) {
    assert_eq!(by_static.pid(), by_function.pid());
}

#[with_process(described, scope = "session")]
#[with_process(described)]
#[test]
fn another_scope_is_another_process(session: &Process, binary: &Process) {
    assert_ne!(session.pid(), binary.pid());
}

#[test]
fn a_process_of_its_own_ends_with_its_test() {
    #[with_process(cmd = "sleep 67")]
    #[allow(dead_code, reason = "called by hand")]
    #[rstest::fixture]
    fn pid(mut own: Process) -> u32 {
        own.restart().unwrap();
        own.pid()
    }
    assert!(!alive(pid::default()));
}

#[with_process(cmd = "sleep 68")]
mod on_a_module {
    use super::{Process, Shared, described};

    #[test]
    fn each_test_gets_it(sleeper: &Process) {
        assert!(sleeper.is_running());
    }

    #[rstest::rstest]
    #[case(1)]
    fn also_with_rstest(sleeper: &Process, #[case] number: u8) {
        assert!(sleeper.is_running() && number == 1);
    }

    #[test]
    fn also_without_parameter() {
        assert!(helper());
    }

    /// Not a test, so the attribute does not change it.
    fn helper() -> bool {
        static OTHER: Shared = Shared::new(described);
        OTHER.lease().is_ok()
    }
}

const GREETING: &str = "hello";

#[with_process(
    bin = "mk-http-server",
    args = ["{port}", "--delay", "50"],
    http = "http://localhost:{port}/headers",
    method = "GET",
    status = 200..=204,
    header("X-Test", "yes"),
    env(GREETING = GREETING, "WHERE" = "{dir}"),
    env_remove(HOME),
    cwd = "{dir}",
    timeout = "20s",
    stop_timeout = Duration::from_secs(5),
    stop_signal = "TERM",
    kill_signal = KILL,
    expect_exit = 0,
    name = "everything",
    scope = "binary"
)]
#[test]
fn every_key_reaches_the_process(server: &mut Process) {
    assert_eq!(server.name(), "everything");
    assert_eq!(get(server, "/env/GREETING"), "hello");
    assert_eq!(get(server, "/env/WHERE"), server.dir().to_str().unwrap());
    assert_eq!(get(server, "/cwd"), get(server, "/env/WHERE"));
    assert!(try_http_get(&format!("http://{}/env/HOME", server.addr())).unwrap().0 == 404);
    assert!(server.url().ends_with("/headers"));
    assert_eq!(server.stop().unwrap().code(), Some(0));
}

#[with_process(bin = "mk-banner", args = ["--stderr", "--text", "up"], output = "^up$", on = stderr)]
#[test]
fn a_banner_may_be_one_of_stderr(banner: &Process) {
    assert!(banner.log().read().unwrap().contains("up"));
}

#[with_process(bin = "mk-signals", stop_signal = "INT", args = ["--exit-on", "INT", "--exit", "4"], expect_exit = 4, output = "ready")]
#[test]
fn a_process_ends_as_its_attribute_says(mut process: Process) {
    assert_eq!(process.stop().unwrap().code(), Some(4));
}

#[with_process(cmd = "sleep 69")]
#[test]
#[should_panic(expected = "as said")]
fn an_expected_panic_passes(_process: &Process) {
    panic!("as said");
}

#[test]
fn a_process_that_does_not_start_fails_the_test_with_the_report() {
    #[with_process(shell = "echo because >&2; exit 9", tcp = "127.0.0.1:{port}")]
    #[rstest::fixture]
    fn fails() {}
    let panicked = std::panic::catch_unwind(fails::default).unwrap_err();
    let report = panicked.downcast_ref::<String>().unwrap();
    assert!(report.contains("exited with code 9") && report.contains("because"), "{report}");
}

#[test]
fn signals_and_scopes_have_names() {
    assert_eq!(Signal::INT.number(), 2);
    assert_ne!(Scope::Binary, Scope::Session);
    assert!(std::path::Path::new(bin!("mk-cat")).is_file());
}
