//! The variables that name a server which runs already, where tests call it by another name.

use mirakuru_rstest::{Executor, Process, process_fixture, with_process};
use mirakuru_tests::{bin, test_process};

use crate::external::printed;

fn server() -> Process {
    Executor::new([bin!("mk-http-server"), "{port}"]).tcp("127.0.0.1:{port}").start().unwrap()
}

#[process_fixture]
fn store() -> Executor {
    Executor::new("sleep 60").name("my-service 2")
}

#[with_process(store)]
#[test]
fn uses_a_fixture(of_test: &Process) {
    println!("it is at {:?}", of_test.try_addr().ok());
}

#[with_process(cmd = "sleep 60")]
#[test]
fn uses_a_parameter(cache: &Process) {
    println!("it is at {:?}", cache.try_addr().ok());
}

#[test]
fn what_the_tests_call_a_server_names_its_variable_too() {
    let server = server();
    for (test, variable) in
        [("uses_a_fixture", "MIRAKURU_USE_STORE"), ("uses_a_parameter", "MIRAKURU_USE_CACHE")]
    {
        let mut test = test_process::printing(&format!("variables::{test}"));
        let printed = printed(test.env(variable, server.addr().to_string()));
        assert!(printed.contains(&format!("it is at Some({})", server.addr())), "{printed}");
    }
}

#[test]
fn two_variables_for_one_server_are_an_error_unless_they_say_the_same() {
    let server = server();
    let address = server.addr().to_string();
    let with = |other: &str| {
        let mut test = test_process::printing("variables::uses_a_fixture");
        test.env("MIRAKURU_USE_MY_SERVICE_2", &address).env("MIRAKURU_USE_STORE", other);
        printed(&mut test)
    };
    let printed = with("localhost:1");
    let error = format!(
        "my-service 2: MIRAKURU_USE_MY_SERVICE_2 is `{address}` and MIRAKURU_USE_STORE is `localhost:1`, \
         and both name this server"
    );
    let help = "help: unset MIRAKURU_USE_MY_SERVICE_2 or MIRAKURU_USE_STORE";
    assert!(printed.contains(&error) && printed.contains(help), "{printed}");
    let printed = with(&address);
    assert!(printed.contains(&format!("it is at Some({address})")), "{printed}");
}
