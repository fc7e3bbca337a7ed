//! Port 0: a server that chooses its port and does not announce it.
#![cfg(not(mirakuru_fallback))]

use std::net::{TcpListener, TcpStream};

use mirakuru_rstest::{ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports, restart_when_ready};
use mirakuru_tests::{bin, http_get, need};

#[test]
fn the_port_is_found_at_the_process_itself() {
    let server = [bin!("mk-tcp-server"), "0", "--delay", "100"];
    let process = Executor::new(server).tcp("127.0.0.1:0").timeout(LONG).start_when_ready();
    assert_eq!(process.addr().port(), process.port());
    TcpStream::connect(process.addr()).unwrap();
    let log = process.log().read().unwrap();
    assert!(log.contains(&process.render("listening on 127.0.0.1:{port}").unwrap()), "{log}");
}

#[test]
fn it_is_found_below_a_shell_and_in_a_daemon() {
    let shell = format!("{} 0 & wait", bin!("mk-http-server"));
    let process = Executor::shell(shell).tcp("localhost:0").timeout(LONG).start_when_ready();
    assert_eq!(http_get(&format!("http://{}/", process.addr())).0, 200);
    let daemon = [bin!("mk-daemon"), "--port", "0"];
    let process = Executor::new(daemon).tcp("127.0.0.1:0").timeout(LONG).start_when_ready();
    TcpStream::connect(process.addr()).unwrap();
}

#[test]
fn it_is_found_while_one_process_hands_it_to_the_next() {
    let Some(python) = need("python3") else { return };
    let script = "import os, socket, time
time.sleep(0.05)
open(os.environ['READY_MARK'], 'w').close()
server = socket.create_server(('127.0.0.1', 0))
for _ in range(100):
    if os.fork():
        os._exit(0)
while True:
    server.accept()";
    let executor = Executor::new([python]).args(["-c", script]).tcp("127.0.0.1:0").timeout(LONG);
    (0..5).for_each(|_| drop(executor.start_when_ready()));
}

#[test]
fn it_is_a_placeholder_for_other_conditions() {
    let server = Executor::new([bin!("mk-http-server"), "0"]).tcp("127.0.0.1:0");
    let mut process = server.http("http://127.0.0.1:{port}/").timeout(LONG).start_when_ready();
    restart_when_ready(&mut process);
    assert_eq!(http_get(&process.url()).0, 200);
}

#[test]
fn a_url_with_port_0_is_asked_at_the_port_that_is_found() {
    let server = Executor::new([bin!("mk-http-server"), "0"]);
    let process = server.http("http://127.0.0.1:0/status/204").timeout(LONG).start_when_ready();
    assert!(process.url().ends_with(&process.render(":{port}/status/204").unwrap()));
}

#[test]
fn what_others_listen_on_does_not_count() {
    let _stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let executor = Executor::new("sleep 300").tcp("127.0.0.1:0");
    let error = fails(&executor.timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["does not listen on any port"]);
}

#[test]
fn the_host_says_which_family_is_meant() {
    let server = Executor::new([bin!("mk-tcp-server"), "0", "--host", "::1"]);
    let process = server.clone().tcp("localhost:0").timeout(LONG).start_when_ready();
    assert!(process.addr().is_ipv6());
    fails(&server.tcp("127.0.0.1:0").timeout(SHORT), ErrorKind::Timeout);
}

#[test]
fn a_socket_that_the_process_is_handed_is_not_one_that_it_has_chosen() {
    let executor = Executor::new("sleep 300").listen("127.0.0.1:{port:handed}");
    let error = fails(&executor.tcp("127.0.0.1:0").timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["does not listen on any port"]);
}

#[test]
fn the_host_may_be_what_the_process_tells() {
    let server =
        Executor::new([bin!("mk-tcp-server"), "0"]).output(r"listening on (?<host>[^:]+):");
    let process = server.tcp("{host}:0").timeout(LONG).start_when_ready();
    assert_eq!(process.addr().port(), process.port());
}

#[test]
fn a_server_of_python_is_found() {
    let Some(python) = need("python3") else { return };
    let serve = format!("exec {} -m http.server 0 --bind 127.0.0.1", python.display());
    let server = Executor::shell(format!("sleep 0.05; : > $READY_MARK; {serve}"));
    let process = server.http("http://127.0.0.1:0/").timeout(LONG).start_when_ready();
    assert_eq!(http_get(&process.url()).0, 200);
}
