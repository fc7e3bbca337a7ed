//! A test that fails prints the output of its servers, in its own output; a test that passes does
//! not.

mod failing;

use std::process::Command;

use mirakuru_tests::test_process;
use rstest::rstest;

/// Returns the command that runs one failing test, with the output that libtest prints for it.
fn failing(name: &str) -> Command {
    let mut command = test_process::capturing(&format!("failures::failing::{name}"));
    command.arg("--exact").env(test_process::ROLE, "fails");
    command
}

/// Returns what the failing test has printed.
#[track_caller]
fn shown_by(name: &str) -> String {
    shown(&mut failing(name), name)
}

#[track_caller]
fn shown(command: &mut Command, name: &str) -> String {
    let output = command.output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("1 failed"), "{printed}");
    section(&printed, name).unwrap_or_else(|| panic!("nothing of {name} in {printed}"))
}

/// Returns what libtest prints below the name of a test that has failed.
fn section(printed: &str, name: &str) -> Option<String> {
    let title = format!("---- failures::failing::{name} stdout ----\n");
    let (_, rest) = printed.split_once(&title)?;
    let end = ["\n---- failures::", "\nfailures:\n"].iter().filter_map(|end| rest.find(end)).min();
    Some(rest[..end.unwrap_or(rest.len())].to_owned())
}

#[track_caller]
fn says(shown: &str, parts: &[&str]) {
    for part in parts {
        assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
    }
}

#[rstest]
fn a_test_that_fails_shows_its_server(
    #[values(
        "panics",
        "panics_though_it_returns_a_result",
        "asks_with_a_question_mark",
        "returns_an_error",
        "ends_with_an_error",
        "has_it_alone",
        "has_one_of_its_own",
        "has_tokio_with_one_thread",
        "has_tokio_with_many_threads",
        "has_tokio_and_panics",
        "has_it_from_its_module::and_fails",
        "has_a_lease_of_a_fixture",
        "has_what_a_fixture_has_started",
        "runs_into_its_time_limit",
        "runs_into_its_time_limit_with_a_fixture"
    )]
    name: &str,
) {
    let shown = shown_by(name);
    says(&shown, &["--- server: running as pid ", &format!("\n    GET /{name}\n"), ".log"]);
    says(
        &shown,
        &[" at 127.0.0.1:", "`MIRAKURU_KEEP=failed` keeps it running, to be reached by `nc 127"],
    );
    assert_eq!(shown.matches("--- server").count(), 1, "{shown}");
}

#[rstest]
fn a_test_that_has_dropped_its_own_server_shows_it_too(
    #[values("drops_its_own", "drops_its_own_and_panics", "drops_its_own_in_tokio")] name: &str,
) {
    let shown = shown_by(name);
    says(&shown, &["--- server was stopped: it exited with code 0, output (", "\n    bye"]);
    says(&shown, &[&format!("\n    GET /{name}\n")]);
    assert_eq!(shown.matches("--- server").count(), 1, "{shown}");
}

#[rstest]
fn a_test_that_passes_shows_nothing(
    #[values("passes", "passes_with_a_result", "passes_with_no_result")] name: &str,
) {
    let output = failing(name).arg("--show-output").output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("1 passed"), "{printed}");
    assert!(!printed.contains("---"), "{printed}");
}

#[test]
fn only_the_case_that_fails_shows_lines() {
    let mut command = test_process::capturing("failures::failing::has_cases");
    command.arg("--show-output").env(test_process::ROLE, "fails");
    let printed = test_process::printed(&command.output().unwrap());
    says(&printed, &["1 passed; 1 failed"]);
    assert_eq!(printed.matches("--- server").count(), 1, "{printed}");
    says(&section(&printed, "has_cases::case_2").unwrap(), &["--- server: ", "GET /status/418\n"]);
}

#[test]
fn only_lines_since_the_lease_are_shown() {
    let mut command = test_process::capturing("failures::failing::one_after_the_other");
    command.args(["--test-threads", "1"]).env(test_process::ROLE, "fails");
    let printed = test_process::printed(&command.output().unwrap());
    says(&printed, &["2 failed"]);
    for (own, other) in [("a", "b"), ("b", "a")] {
        let shown = section(&printed, &format!("one_after_the_other::{own}")).unwrap();
        says(&shown, &["output since this test leased it (", &format!("GET /{own}\n")]);
        assert!(!shown.contains(&format!("GET /{other}\n")), "{shown}");
    }
}

#[test]
fn tests_that_run_at_once_show_their_servers_each_in_its_own_output() {
    let mut command = test_process::capturing("failures::failing::at_once");
    command.args(["--test-threads", "4"]).env(test_process::ROLE, "fails");
    let printed = test_process::printed(&command.output().unwrap());
    says(&printed, &["4 failed"]);
    for number in 1..=4 {
        let shown = section(&printed, &format!("at_once::case_{number}")).unwrap();
        says(&shown, &[&format!("GET /at-once-{number}\n")]);
        assert_eq!(shown.matches("--- server").count(), 1, "{shown}");
    }
}

#[rstest]
#[case("has_a_script_by_a_parameter", "the_parameter")]
#[case("has_a_script_by_a_static", "the_static")]
#[case("has_a_script_by_a_fixture", "the_fixture")]
#[case("has_a_script_by_the_attribute_of_a_fixture", "the_fixture")]
fn a_script_is_called_what_the_test_calls_it(#[case] test: &str, #[case] name: &str) {
    says(&shown_by(test), &[&format!("--- {name}: running as pid ")]);
}

#[test]
fn a_test_shows_all_its_servers() {
    says(&shown_by("has_two"), &["--- one: running as pid ", "--- two: running as pid "]);
}

#[rstest]
fn a_server_that_a_test_leases_twice_is_shown_once(
    #[values("leases_twice", "leases_twice_and_panics")] name: &str,
) {
    let mut of_nextest = failing(name);
    of_nextest.env("NEXTEST_EXECUTION_MODE", "process-per-test");
    for command in [&mut failing(name), &mut of_nextest] {
        let shown = shown(command, name);
        assert_eq!(shown.matches("--- server").count(), 1, "{shown}");
    }
}

#[rstest]
fn a_server_that_died_is_reported_first(#[values("crashes", "crashes_and_panics")] name: &str) {
    let shown = shown_by(name);
    says(&shown, &["GET /crash\n"]);
    let heads: Vec<_> = shown.lines().filter(|line| line.starts_with("--- ")).collect();
    let [died, other] = heads[..] else { panic!("{shown}") };
    assert!(died.starts_with("--- crashing died: it exited with code 3, output"), "{shown}");
    assert!(other.starts_with("--- server: running as pid"), "{shown}");
}

#[rstest]
fn a_server_that_died_shows_what_it_wrote_before_the_lease_too(
    #[values("has_one_that_dies_at_once", "waits_for_a_line_of_one_that_dies")] name: &str,
) {
    let shown = shown_by(name);
    let earlier = ["output (", "\n    FATAL: disk full\n    <here this test leased it>\n"];
    says(&shown, &earlier);
    assert!(!shown.contains("output since this test leased it"), "{shown}");
}

#[test]
fn lines_that_repeat_are_shown_once() {
    let shown = shown_by("asks_the_same_again_and_again");
    says(&shown, &["    GET /again\n    <this line 20 times>\n"]);
    assert_eq!(shown.matches("GET /again").count(), 1, "{shown}");
}

#[test]
fn of_many_lines_the_last_are_shown_with_how_much_was_before_and_where() {
    let shown = shown_by("asks_often");
    let lines: Vec<_> = shown.lines().filter(|line| line.starts_with("    GET /number-")).collect();
    assert_eq!(lines.len(), 50, "{shown}");
    assert!(lines[0].contains("/number-11") && lines[49].contains("/number-60"), "{shown}");
    let (_, rest) = shown.split_once("output since this test leased it (").unwrap();
    let (path, rest) = rest.split_once("):\n").unwrap();
    let whole = std::fs::read_to_string(path).unwrap();
    let (before, _) = whole.split_once("GET /number-11\n").unwrap();
    // The lease began after the server's first line and the requests of the readiness check.
    let (_, since) = before.split_at(before.find("GET /number-1\n").unwrap());
    assert!(
        rest.contains(&format!("    <{} bytes omitted before this>\n", since.len())),
        "{shown}"
    );
}

#[test]
fn of_a_very_long_line_the_beginning_is_shown() {
    let shown = shown_by("asks_at_length");
    says(&shown, &["GET /xxx", "xxx… <1,"]);
    assert!(shown.lines().all(|line| line.chars().count() < 600), "{shown}");
}

#[test]
fn a_silent_server_is_shown_too() {
    let shown = shown_by("has_a_silent_one");
    says(&shown, &["--- silent: running as pid ", ", output: none ("]);
    assert!(!shown.contains("help"), "it has no port: {shown}");
}

#[rstest]
fn a_server_that_was_not_waited_for_says_so(
    #[values("has_one_without_a_condition", "has_one_of_its_own_without_a_condition")] name: &str,
) {
    let help = "\n  help: nothing was waited for, so the test began as soon as its program ran: add \
                `tcp = \"127.0.0.1:{port}\"`\n";
    says(&shown_by(name), &["--- early: running as pid ", help]);
}

#[rstest]
fn the_same_is_shown_in_a_process_for_each_test(
    #[values("asks_with_a_question_mark", "has_tokio_with_many_threads", "panics")] name: &str,
) {
    let shown = shown(failing(name).env("NEXTEST_EXECUTION_MODE", "process-per-test"), name);
    says(&shown, &["--- server: running as pid ", &format!("\n    GET /{name}\n")]);
}
