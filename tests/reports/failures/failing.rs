//! Tests that fail if they have a role. They do nothing otherwise.

use std::error::Error;
use std::io;
use std::time::Duration;

use mirakuru_rstest::{Executor, Lease, Process, Shared, Stdin, process_fixture, with_process};
use mirakuru_tests::{bin, test_process, try_http_get};
use rstest::{fixture, rstest};

type AnyResult = Result<(), Box<dyn Error>>;

#[process_fixture]
fn server() -> Executor {
    Executor::new([bin!("mk-http-server"), "{port}"]).tcp("127.0.0.1:{port}").name("server")
}

/// Returns true if the test is to fail, after the server has written a line.
fn fails(server: &Process, path: &str) -> bool {
    let has_role = test_process::role().is_some();
    if has_role {
        let _ = try_http_get(&format!("http://{}/{path}", server.addr())); // It may crash.
    }
    has_role
}

fn no_number(is_to_fail: bool) -> Result<u8, std::num::ParseIntError> {
    if is_to_fail { "none".parse() } else { Ok(1) }
}

/// Hangs until the process ends, as a body that has run into its time limit.
fn hangs(server: &Process, path: &str) {
    while fails(server, path) {
        std::thread::park();
    }
}

#[with_process(server)]
#[rstest]
#[timeout(Duration::from_secs(1))]
fn runs_into_its_time_limit(server: &mut Process) {
    hangs(server, "runs_into_its_time_limit");
}

#[rstest]
#[timeout(Duration::from_secs(1))]
fn runs_into_its_time_limit_with_a_fixture(server: Lease) {
    hangs(&server, "runs_into_its_time_limit_with_a_fixture");
}

#[with_process(server)]
#[test]
fn panics(server: &Process) {
    assert!(!fails(server, "panics"), "it is to fail");
}

#[with_process(server)]
#[test]
fn panics_though_it_returns_a_result(server: &Process) -> AnyResult {
    no_number(false)?;
    assert!(!fails(server, "panics_though_it_returns_a_result"), "it is to fail");
    Ok(())
}

#[with_process(server)]
#[test]
fn asks_with_a_question_mark(server: &Process) -> Result<(), Box<dyn Error>> {
    no_number(fails(server, "asks_with_a_question_mark"))?;
    Ok(())
}

#[with_process(server)]
#[test]
fn returns_an_error(server: &Process) -> io::Result<()> {
    if fails(server, "returns_an_error") {
        return Err(io::Error::other("it is to fail"));
    }
    Ok(())
}

#[with_process(server)]
#[test]
fn ends_with_an_error(server: &Process) -> Result<(), Box<dyn Error>> {
    match fails(server, "ends_with_an_error") {
        true => Err(Box::new(io::Error::other("it is to fail"))),
        false => Ok(()),
    }
}

#[with_process(server)]
#[test]
fn has_it_alone(server: &mut Process) -> AnyResult {
    if test_process::role().is_some() {
        server.restart()?;
    }
    no_number(fails(server, "has_it_alone"))?;
    Ok(())
}

#[with_process(server)]
#[test]
fn has_one_of_its_own(server: Process) -> AnyResult {
    no_number(fails(&server, "has_one_of_its_own"))?;
    Ok(())
}

#[with_process(server)]
#[tokio::test]
async fn has_tokio_with_one_thread(server: &Process) -> AnyResult {
    let is_to_fail = fails(server, "has_tokio_with_one_thread");
    tokio::task::spawn(async move { no_number(is_to_fail) }).await??;
    Ok(())
}

#[with_process(server)]
#[tokio::test(flavor = "multi_thread")]
async fn has_tokio_with_many_threads(server: &mut Process) -> Result<(), Box<dyn Error>> {
    tokio::task::yield_now().await;
    if fails(server, "has_tokio_with_many_threads") {
        return Err(Box::new(io::Error::other("it is to fail")));
    }
    Ok(())
}

#[with_process(server)]
#[tokio::test]
async fn has_tokio_and_panics(server: Process) -> AnyResult {
    tokio::task::yield_now().await;
    assert!(!fails(&server, "has_tokio_and_panics"), "it is to fail");
    Ok(())
}

#[with_process(server)]
mod has_it_from_its_module {
    use super::{AnyResult, Process, fails, no_number, server};

    #[test]
    fn and_fails(server: &Process) -> AnyResult {
        no_number(fails(server, "has_it_from_its_module::and_fails"))?;
        Ok(())
    }
}

#[rstest]
fn has_a_lease_of_a_fixture(server: Lease) {
    assert!(!fails(&server, "has_a_lease_of_a_fixture"), "it is to fail");
}

#[with_process(server)]
#[fixture]
fn own(server: Process) -> Process {
    server
}

#[rstest]
fn has_what_a_fixture_has_started(own: Process) {
    assert!(!fails(&own, "has_what_a_fixture_has_started"), "it is to fail");
}

#[with_process(server)]
#[test]
fn drops_its_own(server: Process) -> AnyResult {
    let is_to_fail = fails(&server, "drops_its_own");
    drop(server);
    no_number(is_to_fail)?;
    Ok(())
}

#[with_process(server)]
#[test]
fn drops_its_own_and_panics(server: Process) {
    let is_to_fail = fails(&server, "drops_its_own_and_panics");
    drop(server);
    assert!(!is_to_fail, "it is to fail");
}

#[with_process(server)]
#[tokio::test]
async fn drops_its_own_in_tokio(server: Process) -> AnyResult {
    let is_to_fail = fails(&server, "drops_its_own_in_tokio");
    tokio::task::spawn_blocking(move || drop(server)).await?;
    no_number(is_to_fail)?;
    Ok(())
}

#[with_process(server)]
#[test]
fn passes(server: &Process) {
    fails(server, "passes");
}

#[with_process(server)]
#[test]
fn passes_with_a_result(server: &mut Process) -> AnyResult {
    fails(server, "passes_with_a_result");
    Ok(())
}

struct NoResult;

impl std::process::Termination for NoResult {
    fn report(self) -> std::process::ExitCode {
        std::process::ExitCode::SUCCESS
    }
}

#[with_process(server)]
#[test]
fn passes_with_no_result(server: &Process) -> NoResult {
    fails(server, "passes_with_no_result");
    NoResult
}

#[with_process(server)]
#[rstest]
#[case("status/200")]
#[case("status/418")]
fn has_cases(server: &Process, #[case] path: &str) -> AnyResult {
    let is_to_fail = fails(server, path) && path.ends_with("418");
    no_number(is_to_fail)?;
    Ok(())
}

mod one_after_the_other {
    use super::{AnyResult, Process, fails, no_number, server, with_process};

    #[with_process(server)]
    #[test]
    fn a(server: &Process) -> AnyResult {
        no_number(fails(server, "a"))?;
        Ok(())
    }

    #[with_process(server)]
    #[test]
    fn b(server: &Process) -> AnyResult {
        no_number(fails(server, "b"))?;
        Ok(())
    }
}

#[with_process(server)]
#[rstest]
#[case(1)]
#[case(2)]
#[case(3)]
#[case(4)]
fn at_once(server: &Process, #[case] number: u8) -> AnyResult {
    no_number(fails(server, &format!("at-once-{number}")))?;
    Ok(())
}

#[with_process(cmd = "sleep 300", name = "one")]
#[with_process(cmd = "sleep 301", name = "two")]
#[test]
fn has_two(_one: &Process, _two: Process) -> AnyResult {
    no_number(test_process::role().is_some())?;
    Ok(())
}

#[with_process(server)]
#[rstest]
fn leases_twice(server: &Process, #[from(self::server)] _lease: Lease) -> AnyResult {
    no_number(fails(server, "leases_twice"))?;
    Ok(())
}

#[with_process(server)]
#[with_process(server)]
#[test]
fn leases_twice_and_panics(server: &Process, _again: &Process) {
    assert!(!fails(server, "leases_twice_and_panics"), "it is to fail");
}

#[with_process(server)]
#[with_process(bin = "mk-http-server", args = ["{port}"], tcp = "127.0.0.1:{port}", name = "crashing")]
#[test]
fn crashes(server: &Process, crashing: &Process) -> AnyResult {
    assert!(server.is_running());
    no_number(fails(crashing, "crash"))?;
    Ok(())
}

#[with_process(server)]
#[with_process(bin = "mk-http-server", args = ["{port}"], tcp = "127.0.0.1:{port}", name = "crashing")]
#[test]
fn crashes_and_panics(server: &Process, crashing: Process) {
    assert!(server.is_running());
    assert!(!fails(&crashing, "crash"), "it is to fail");
}

/// It dies as soon as a test leases it, for a reason that it has written before.
#[process_fixture]
fn dying() -> Executor {
    let script = "echo FATAL: disk full; read -r _; exit 3";
    Executor::shell(script).name("dying").output("FATAL").stdin(Stdin::Piped)
}

fn ends(dying: &mut Process) -> bool {
    drop(dying.take_stdin());
    dying.wait_timeout(Duration::from_secs(20)).unwrap();
    test_process::role().is_some()
}

#[with_process(dying)]
#[test]
fn has_one_that_dies_at_once(dying: &mut Process) -> AnyResult {
    no_number(ends(dying))?;
    Ok(())
}

#[with_process(dying)]
#[test]
fn waits_for_a_line_of_one_that_dies(dying: &mut Process) -> AnyResult {
    if ends(dying) {
        let line = dying.log().wait_for("saved", Duration::from_secs(20));
        panic!("{:?}", line.unwrap_err());
    }
    Ok(())
}

#[with_process(server)]
#[test]
fn asks_the_same_again_and_again(server: &Process) -> AnyResult {
    let failures = (0..20).filter(|_| fails(server, "again"));
    no_number(failures.count() > 0)?;
    Ok(())
}

#[with_process(server)]
#[test]
fn asks_often(server: &Process) -> AnyResult {
    let failures = (1..=60).filter(|number| fails(server, &format!("number-{number}")));
    no_number(failures.count() > 0)?;
    Ok(())
}

#[with_process(server)]
#[test]
fn asks_at_length(server: &Process) -> AnyResult {
    no_number(fails(server, &"x".repeat(1_600)))?;
    Ok(())
}

#[with_process(cmd = "sleep 302", name = "silent")]
#[test]
fn has_a_silent_one() -> AnyResult {
    no_number(test_process::role().is_some())?;
    Ok(())
}

#[with_process(bin = "mk-tcp-server", args = ["{port}"], name = "early")]
#[test]
fn has_one_without_a_condition() -> AnyResult {
    no_number(test_process::role().is_some())?;
    Ok(())
}

#[with_process(bin = "mk-tcp-server", args = ["{port}"], name = "early")]
#[test]
fn has_one_of_its_own_without_a_condition(server: Process) {
    assert!(test_process::role().is_none(), "it is to fail: {}", server.port());
}

static THE_STATIC: Shared = Shared::new(|| Executor::shell("exec sleep 100 # static"));

#[process_fixture]
fn the_fixture() -> Executor {
    Executor::shell("exec sleep 100 # fixture")
}

fn fails_if_it_is_to_fail() {
    assert!(test_process::role().is_none(), "it is to fail");
}

#[with_process(shell = "exec sleep 100 # parameter")]
#[test]
fn has_a_script_by_a_parameter(_the_parameter: &Process) {
    fails_if_it_is_to_fail();
}

#[with_process(THE_STATIC)]
#[test]
fn has_a_script_by_a_static(_server: &Process) {
    fails_if_it_is_to_fail();
}

#[rstest]
fn has_a_script_by_a_fixture(the_fixture: Lease) {
    fails_if_it_is_to_fail();
    drop(the_fixture);
}

#[with_process(the_fixture)]
#[test]
fn has_a_script_by_the_attribute_of_a_fixture(_server: &mut Process) {
    fails_if_it_is_to_fail();
}
