//! Failures with a server that runs already: it is not there, or is another one.

use std::net::TcpListener;
use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::free_port;

use crate::external::{playing, printed, server, service};

#[test]
fn a_server_that_is_not_there_is_an_error_that_names_it() {
    let address = format!("127.0.0.1:{}", free_port());
    let service = service().timeout(Duration::from_millis(200)).external(&address);
    let error = service.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let report = format!("{error:?}");
    for part in [
        "my-service 2: not ready within 0.200 s",
        "connection refused",
        &format!("the server at {address} that `external` names, which was not started here"),
        "help: check that it runs, and that it is the server which the tests expect; or leave out \
         `external`",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!report.contains("sleep"), "{report}");
    let printed = printed(playing("error", &address).env("MIRAKURU_TIMEOUT_FACTOR", "0.01"));
    let help = "help: check that it runs, and that it is the server which the tests expect; or unset \
                MIRAKURU_USE_MY_SERVICE_2, and one is started here";
    assert!(printed.contains(help), "{printed}");
    assert!(!printed.contains("stopped"), "{printed}");
}

#[test]
fn a_server_of_another_kind_is_not_said_to_be_started_or_given_more_time() {
    let web = server("127.0.0.1");
    let cache = Executor::new("a").reply("127.0.0.1:1", "PING\r\n", r"\+PONG");
    let cache = cache.timeout(Duration::from_millis(200)).external(web.addr().to_string());
    let report = format!("{:?}", cache.start().unwrap_err());
    assert!(report.contains("help: check that it runs, and that it is the server"), "{report}");
    assert!(!report.contains("help: start") && !report.contains("timeout"), "{report}");
}

#[test]
fn a_step_that_takes_too_long_is_not_blamed_on_the_address() {
    let service = Executor::new("a").after_ready("sleep 60").timeout(Duration::from_millis(500));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = service.external(listener.local_addr().unwrap().to_string());
    let report = format!("{:?}", service.start().unwrap_err());
    assert!(report.contains("`sleep 60` of after_ready still runs"), "{report}");
    assert!(!report.contains("check that it runs"), "{report}");
}

#[test]
fn a_server_that_answers_otherwise_is_not_ready() {
    let server = server("127.0.0.1");
    let service = Executor::new("a").http("http://localhost:80/status/503");
    let service = service.timeout(Duration::from_millis(200)).external(server.addr().to_string());
    let report = format!("{:?}", service.start().unwrap_err());
    let url = format!("http://{}/status/503", server.addr());
    assert!(report.contains(&url) && report.contains("HTTP status 503"), "{report}");
}

#[test]
fn a_step_that_fails_shows_what_it_has_printed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let service = Executor::new("a").after_ready(["sh", "-c", "echo no schema; exit 3"]);
    let address = listener.local_addr().unwrap().to_string();
    let report = format!("{:?}", service.external(address).start().unwrap_err());
    assert!(report.contains("no schema") && report.contains("to be repeatable"), "{report}");
}

#[test]
fn a_step_that_needs_another_port_is_an_error() {
    let service = Executor::new("a").after_ready("true {port:admin}").external("127.0.0.1:1");
    let report = format!("{:?}", service.start().unwrap_err());
    assert!(
        report.contains("`{port:admin}` is not known of a server that runs already"),
        "{report}"
    );
}

#[test]
fn an_address_that_is_none_is_an_error_that_names_the_variable() {
    for address in ["6379", "redis://localhost:6379", "localhost:0", "localhost:{port}", "::1:80"] {
        let printed = printed(&mut playing("error", address));
        let error = format!(
            "my-service 2: the environment variable MIRAKURU_USE_MY_SERVICE_2: `{address}` is not an \
             address; write `host:port`, as `localhost:5432`"
        );
        assert!(printed.contains(&error), "{printed}");
    }
}
