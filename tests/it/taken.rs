//! A server that cannot have its address: the report says who has it.

#[cfg(not(mirakuru_fallback))]
use std::net::TcpListener;

use mirakuru_rstest::{ErrorKind, Executor};

/// The report of a server that ends before it is ready.
#[track_caller]
fn ended(executor: &Executor) -> String {
    let error = executor.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited, "{error:?}");
    format!("{error:?}")
}

/// A server that says what another one would, and ends.
fn says(text: &str) -> Executor {
    Executor::shell(format!("echo '{text}' >&2; exit 1")).output("^never$")
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn whoever_listens_at_the_port_of_the_complaint_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let own = format!("pid {} (`", std::process::id());
    for text in [
        format!("bind *:{port}: Address already in use"),
        format!("listen EADDRINUSE :::{port}"),
        format!("Port {port} is in use by another program"),
    ] {
        let report = ended(&says(&text));
        let help = report.split("help: ").nth(1).unwrap();
        assert!(help.starts_with(&format!("127.0.0.1:{port} is listened on by {own}")), "{report}");
        assert!(help.contains("this test process itself"), "{report}");
    }
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn the_port_may_stand_in_the_command_or_in_a_variable() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let expected = format!("help: [::1]:{port} is listened on by pid ");
    let complains = || says("Address already in use").env("OTHER", "80");
    let in_command =
        Executor::new(["sh", "-c", "echo EADDRINUSE; exit 1", "--port", &port.to_string()]);
    for executor in [in_command.output("^never$"), complains().env("HTTP_PORT", port.to_string())] {
        let report = ended(&executor);
        assert!(report.contains(&expected), "{report}");
    }
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_server_of_the_same_tests_is_told_from_a_stranger() {
    let first =
        Executor::new([mirakuru_tests::bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let first = first.start().unwrap();
    let port = first.port().to_string();
    let second = Executor::new([mirakuru_tests::bin!("mk-tcp-server"), &port]).output("^listening");
    let report = ended(&second);
    let who = format!("127.0.0.1:{port} is listened on by pid {} (`", first.pid());
    assert!(report.contains(&who) && report.contains("which these tests have started"), "{report}");
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_complaint_about_a_free_port_says_how_to_look() {
    let port = mirakuru_tests::free_port();
    let report = ended(&says(&format!("bind *:{port}: Address already in use")));
    assert!(report.contains("help: nobody listens there now"), "{report}");
    assert!(report.contains("ss -tanp"), "{report}");
    let report = ended(&Executor::shell("echo EADDRINUSE; false").output("^never$"));
    assert!(report.contains("help: `ss -ltnp` shows who listens where"), "{report}");
}

/// Without sock_diag, nobody can tell who listens.
#[test]
#[cfg(mirakuru_fallback)]
fn a_complaint_says_how_to_look() {
    let report = ended(&says("bind *:8080: Address already in use"));
    assert!(report.contains("`lsof -nP -iTCP -sTCP:LISTEN` shows who listens"), "{report}");
}

#[test]
fn a_complaint_about_something_else_has_no_word_of_ports() {
    for text in ["FATAL: no such database on port 5432", "support: the lock is in use"] {
        let report = ended(&says(text));
        assert!(!report.contains("help:"), "{report}");
    }
}
