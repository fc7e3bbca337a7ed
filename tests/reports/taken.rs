//! A server that cannot bind its address: the report names the process that has it.

#[cfg(not(mirakuru_fallback))]
use std::net::{TcpListener, UdpSocket};

use mirakuru_rstest::{ErrorKind, Executor};

/// Returns the report of a server that exits before it is ready.
#[track_caller]
fn ended(executor: &Executor) -> String {
    let error = executor.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited, "{error:?}");
    format!("{error:?}")
}

/// A server that prints a text and fails.
fn says(text: &str) -> Executor {
    Executor::shell(format!("echo '{text}' >&2; exit 1")).output("^never$")
}

/// Returns options of a condition that names the address and never holds.
#[cfg(not(mirakuru_fallback))]
fn never_at(port: u16) -> [String; 2] {
    ["false".to_owned(), format!("127.0.0.1:{port}")]
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn the_listener_at_an_address_that_the_executor_names_is_named() {
    let own = format!("pid {} (`", std::process::id());
    for host in ["127.0.0.1", "0.0.0.0", "::1"] {
        let listener = TcpListener::bind((host, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let report = ended(&says("bind: Address already in use").ready_command(never_at(port)));
        let help = report.split("help: ").nth(1).unwrap();
        let address = if host == "::1" { "[::1]" } else { "127.0.0.1" };
        assert!(help.starts_with(&format!("{address}:{port} is listened on by {own}")), "{report}");
        assert!(help.contains("this test process itself"), "{report}");
    }
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_server_of_the_same_tests_is_distinguished_from_a_stranger() {
    let first =
        Executor::new([mirakuru_tests::bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let first = first.start().unwrap();
    let port = first.port().to_string();
    let second = Executor::new([mirakuru_tests::bin!("mk-tcp-server"), &port]);
    let report = ended(&second.ready_command(never_at(first.port())));
    let who = format!("127.0.0.1:{port} is listened on by pid {} (`", first.pid());
    assert!(report.contains(&who) && report.contains("these tests have started that"), "{report}");
}

#[test]
#[cfg(not(mirakuru_fallback))]
fn a_complaint_about_an_address_that_the_executor_does_not_name_says_how_to_look() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let other = says("EADDRINUSE").ready_command(never_at(mirakuru_tests::free_port()));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = socket.local_addr().unwrap().port().to_string();
    let udp = Executor::new([mirakuru_tests::bin!("mk-replies"), "udp", &udp]).output("^bound");
    for executor in [says(&format!("bind *:{port}: Address already in use")), other, udp] {
        let report = ended(&executor);
        assert!(report.contains("help: `ss -ltunp` shows which process listens where"), "{report}");
    }
}

/// Without sock_diag, the report names a command that shows which process listens.
#[test]
#[cfg(mirakuru_fallback)]
fn a_complaint_says_how_to_look() {
    let report = ended(&says("bind *:8080: Address already in use"));
    assert!(report.contains("`lsof -nPi` shows which process listens"), "{report}");
}

#[test]
fn a_complaint_about_something_else_gets_no_help_about_ports() {
    for text in ["FATAL: no such database on port 5432", "support: the lock is in use"] {
        let report = ended(&says(text));
        assert!(!report.contains("help:"), "{report}");
    }
}
