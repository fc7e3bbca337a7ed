//! A Unix socket that accepts connections.

use std::os::unix::net::UnixStream;

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::bin;
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};

#[test]
fn a_bound_socket_that_does_not_listen_is_not_ready() {
    let server = [bin!("mk-unix-server"), "{dir}/socket", "--delay", "200"];
    let process =
        Executor::new(server).unix_socket("{dir}/socket").timeout(LONG).start_when_ready();
    assert!(process.is_running());
    UnixStream::connect(process.dir().join("socket")).unwrap();
}

#[test]
fn a_socket_that_never_listens_is_a_timeout() {
    let mark = mark();
    let server = [bin!("mk-unix-server"), "{dir}/socket", "--delay", "60000", "--mark", &mark];
    let error = fails(
        &Executor::new(server).unix_socket("{dir}/socket").timeout(SHORT),
        ErrorKind::Timeout,
    );
    reports(&error, &["/socket", "no process listens on it"]);
    nothing_left(&mark);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_second_server_on_a_socket_is_refused_without_a_word_about_ports() {
    let first = [bin!("mk-unix-server"), "{dir}/socket"];
    let first = Executor::new(first).unix_socket("{dir}/socket").start_when_ready();
    let path = first.dir().join("socket");
    let second = Executor::new([bin!("mk-unix-server")]).arg(&path).unix_socket(&path);
    let error = fails(&second, ErrorKind::AlreadyRunning);
    let text = error.to_string();
    assert!(text.contains("already running") && text.contains("/socket"), "{text}");
    assert!(text.contains(&format!("pid {}", first.pid())), "{text}");
    assert!(!text.contains(" port"), "{text}");
    UnixStream::connect(path).unwrap();
}
