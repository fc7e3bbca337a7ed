//! Variables that name a server which runs already, and are those of no server.

use std::net::TcpListener;

use mirakuru_rstest::{Executor, Shared};
use mirakuru_tests::test_process;

static APPLE: Shared = Shared::new(|| Executor::new("sleep 60").name("apple"));
static APPLY: Shared = Shared::new(|| Executor::new("sleep 61").name("apply"));
static PEAR: Shared = Shared::new(|| Executor::new("sleep 62").name("pear")).called("fruit");

/// Plays the part of a test for another test.
#[test]
fn plays_a_test_of_two_servers() {
    if test_process::role().as_deref() == Some("leases a pear") {
        drop(PEAR.lease().unwrap());
    } else if test_process::role().is_some() {
        drop((APPLE.lease().unwrap(), APPLY.lease().unwrap()));
        drop(APPLE.lease().unwrap());
    }
}

fn printed(variable: &str, address: &str, level: &str) -> String {
    let mut test = test_process::playing("misspelt::plays_a_test_of_two_servers", "leases");
    let output = test.env(variable, address).env("MIRAKURU_LOG", level).output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("1 passed"), "{printed}");
    printed
}

/// Leases two servers, and returns the lines about variables that name servers.
fn lines_with(variable: &str, level: &str) -> Vec<String> {
    let printed = printed(variable, "localhost:1", level);
    let lines = printed.lines().filter(|line| line.contains("MIRAKURU_"));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_variable_of_nearly_the_name_of_a_setting_is_reported_once() {
    let line = "mirakuru: the environment variable MIRAKURU_TIMELIEN has no effect; did you mean \
                MIRAKURU_TIMELINE?";
    assert_eq!(lines_with("MIRAKURU_TIMELIEN", ""), [line]);
    assert!(lines_with("MIRAKURU_TIMELIEN", "off").is_empty());
    assert!(lines_with("MIRAKURU_STRESS_SECONDS", "").is_empty());
}

#[test]
fn a_variable_of_nearly_the_name_of_a_server_is_reported_once() {
    let line = "mirakuru: apple is started here, because MIRAKURU_USE_APPEL is not its variable: that is \
                MIRAKURU_USE_APPLE";
    for level in ["", "info"] {
        assert_eq!(lines_with("MIRAKURU_USE_APPEL", level), [line], "{level}");
    }
    assert!(lines_with("MIRAKURU_USE_APPEL", "off").is_empty());
}

#[test]
fn a_variable_of_nearly_what_tests_call_a_server_is_reported() {
    let mut test = test_process::playing("misspelt::plays_a_test_of_two_servers", "leases a pear");
    let output = test.env("MIRAKURU_USE_FRIUT", "localhost:1").output().unwrap();
    let line = "mirakuru: pear is started here, because MIRAKURU_USE_FRIUT is not its variable: that is \
                MIRAKURU_USE_PEAR or MIRAKURU_USE_FRUIT";
    let printed = test_process::printed(&output);
    assert!(printed.contains(line), "{printed}");
}

#[test]
fn a_variable_that_may_be_for_another_binary_is_reported_by_the_wish_of_the_user_only() {
    assert!(lines_with("MIRAKURU_USE_DATABASE", "").is_empty());
    let line = "mirakuru: MIRAKURU_USE_DATABASE is for no server of this test process; its servers are \
                called `apple` and `apply`";
    assert_eq!(lines_with("MIRAKURU_USE_DATABASE", "info"), [line]);
}

#[test]
fn a_variable_of_one_server_is_not_reported_for_another_one_of_nearly_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let printed = printed("MIRAKURU_USE_APPLE", &address, "");
    assert!(!printed.contains("is not its variable"), "{printed}");
}
