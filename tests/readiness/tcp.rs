//! A port that accepts connections.

use std::net::TcpStream;

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::bin;
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};

#[test]
fn a_port_that_listens_late_is_waited_for() {
    let server = [bin!("mk-tcp-server"), "{port}", "--delay", "200"];
    let executor = Executor::new(server).tcp("localhost:{port}").timeout(LONG);
    let mut process = executor.start_when_ready();
    assert!(process.is_running());
    TcpStream::connect(process.addr()).unwrap();
    process.stop().unwrap();
    assert!(TcpStream::connect(process.addr()).is_err());
}

#[test]
fn a_description_names_its_command_before_it_is_started() {
    let executor = Executor::new([bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let text = format!("{executor:?}");
    assert!(text.contains(bin!("mk-tcp-server")) && text.contains("127.0.0.1:{port}"), "{text}");
}

#[test]
fn a_port_that_listens_too_late_is_a_timeout() {
    let mark = mark();
    let server = [bin!("mk-tcp-server"), "{port}", "--delay", "60000", "--mark", &mark];
    let executor = Executor::new(server).tcp("127.0.0.1:{port}").timeout(SHORT);
    let error = fails(&executor, ErrorKind::Timeout);
    reports(&error, &["not ready within 0.300 s", "connection refused", "running as pid"]);
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_second_server_on_a_port_is_refused() {
    let server = [bin!("mk-tcp-server"), "{port}"];
    let first = Executor::new(server).tcp("127.0.0.1:{port}").start_when_ready();
    let mark = mark();
    let port = first.port();
    let second = [bin!("mk-tcp-server"), &port.to_string(), "--mark", &mark];
    let second = Executor::new(second).tcp(format!("127.0.0.1:{port}"));
    for _ in 0..2 {
        let error = fails(&second, ErrorKind::AlreadyRunning);
        reports(&error, &[&format!("pid {}", first.pid()), &port.to_string()]);
    }
    nothing_left(&mark);
    assert!(first.is_running());
}
