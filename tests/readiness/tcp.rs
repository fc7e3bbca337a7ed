//! A port that the process listens on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use mirakuru_core::{ErrorKind, Executor, Process};
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
    reports(&error, &["not ready within 0.600 s", "connection refused", "running as pid"]);
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

/// Plays one client of a server that echoes.
#[cfg(not(mirakuru_fallback))]
fn play(process: &Process) {
    let mut client = TcpStream::connect(process.addr()).unwrap();
    client.write_all(b"ping").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "ping");
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_server_of_one_client_still_has_it() {
    for (port, address) in
        [("{port}", "127.0.0.1:{port}"), ("{port}", "localhost:{port}"), ("0", "127.0.0.1:0")]
    {
        let server = Executor::new([bin!("mk-tcp-server"), port, "--once"]).tcp(address);
        // A second condition makes each be looked at once more.
        for server in [server.clone(), server.output("listening on")] {
            play(&server.timeout(LONG).start_when_ready());
        }
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_connection_is_made_where_it_is_asked_for() {
    for (port, address) in [("{port}", "127.0.0.1:{port}"), ("0", "127.0.0.1:0")] {
        let server = Executor::new([bin!("mk-tcp-server"), port, "--once"]).tcp(address);
        let mut process = server.connect(true).timeout(LONG).start_when_ready();
        assert!(process.wait_timeout(LONG).unwrap().success(), "{address}");
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_port_that_is_only_tried_out_is_not_ready() {
    for (port, address) in [("{port}", "127.0.0.1:{port}"), ("0", "127.0.0.1:0")] {
        let server = [bin!("mk-tcp-server"), port, "--try", "--delay", "100"];
        let server = Executor::new(server).tcp(address).timeout(LONG);
        for _ in 0..10 {
            TcpStream::connect(server.start_when_ready().addr()).unwrap();
        }
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_listener_of_a_busy_process_counts() {
    let Some(python) = mirakuru_tests::need("python3") else { return };
    let script = "import os, socket, sys
open(os.environ['READY_MARK'], 'w').close()
server = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while True: pass";
    let server = Executor::new([python]).args(["-c", script, "{port}"]).tcp("127.0.0.1:{port}");
    let process = server.timeout(Duration::from_secs(5)).start_when_ready();
    assert!(process.is_running());
}
