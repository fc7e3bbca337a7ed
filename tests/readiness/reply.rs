//! A reply that matches a pattern.

use std::net::{TcpListener, UdpSocket};

use mirakuru_core::{ErrorKind, Executor, Http};
use mirakuru_tests::bin;
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports};

const PING: &str = "PING\r\n";
const PONG: &str = r"^\+PONG$";

fn server(protocol: &str, port: &str, options: &[&str]) -> Executor {
    Executor::new([bin!("mk-replies"), protocol, port]).args(options).timeout(LONG)
}

#[test]
fn a_tcp_server_is_ready_when_it_replies_as_wanted() {
    let executor = server("tcp", "{port}", &["--warm", "300"]);
    let process = executor.reply("127.0.0.1:{port}", PING, PONG).start_when_ready();
    assert_eq!(process.addr().port(), process.port());
}

#[test]
fn a_server_that_greets_is_sent_nothing() {
    let executor = server("tcp", "{port}", &["--warm", "300", "--greet"]);
    executor.reply("tcp://localhost:{port}", "", PONG).start_when_ready();
    let silent = server("tcp", "{port}", &[]).reply("127.0.0.1:{port}", "", PONG).timeout(SHORT);
    reports(&fails(&silent, ErrorKind::Timeout), &["no reply within"]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn the_port_may_be_one_that_the_server_chooses() {
    let executor = server("tcp", "0", &["--warm", "300"]).reply("127.0.0.1:0", PING, PONG);
    let process = executor.start_when_ready();
    assert_eq!(process.render("{port}").unwrap(), process.addr().port().to_string());
}

#[test]
fn a_udp_server_is_ready_when_it_replies_as_wanted() {
    let executor = server("udp", "{udp}", &["--warm", "300"]);
    executor.clone().reply("127.0.0.1:{udp}", PING, PONG).start_when_ready();
    executor.reply("udp://localhost:{udp}", "", PONG).start_when_ready();
    let late = server("udp", "{udp}", &[]).reply("127.0.0.1:{udp}", PING, PONG);
    late.start_when_ready();
}

#[test]
fn a_unix_socket_of_any_type_is_ready_when_it_replies_as_wanted() {
    for kind in ["stream", "seqpacket", "datagram"] {
        if kind == "datagram" && cfg!(mirakuru_fallback) {
            continue; // It cannot reply to a client without a name.
        }
        let server = Executor::new([bin!("mk-unix-server"), "{dir}/socket", "--type", kind]);
        let echo = server.clone().reply("{dir}/socket", b"\x01\xff", r"^\x01\xff$").timeout(LONG);
        echo.start_when_ready();
        let other = server.reply("{dir}/socket", "a\nb", "c").timeout(SHORT);
        reports(&fails(&other, ErrorKind::Timeout), &["/socket", "the reply was `a`"]);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn an_abstract_name_is_an_address() {
    let server = Executor::new([bin!("mk-unix-server"), "@{dir}/socket"]).timeout(LONG);
    server.clone().reply("@{dir}/socket", "ping", "^ping$").start_when_ready();
    let error =
        fails(&server.http("http://unix:@{dir}/socket:/").timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["the answer is not HTTP"]);
}

#[test]
fn a_reply_that_never_comes_is_reported_with_the_last_one() {
    let executor = server("tcp", "{port}", &["--warm", "60000"]);
    let error =
        fails(&executor.reply("127.0.0.1:{port}", PING, PONG).timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["a reply of 127.0.0.1:", r"matches `^\+PONG$`", "the reply was `-LOADING`"]);
    let nothing = Executor::new("sleep 300").reply("127.0.0.1:{port}", PING, PONG).timeout(SHORT);
    reports(&fails(&nothing, ErrorKind::Timeout), &["connection refused"]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn the_reply_of_another_server_is_not_asked_for() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    for address in [
        format!("tcp://{}", tcp.local_addr().unwrap()),
        format!("udp://{}", udp.local_addr().unwrap()),
    ] {
        let executor = Executor::new("sleep 300").reply(address, PING, PONG);
        fails(&executor, ErrorKind::AlreadyRunning);
    }
}

#[test]
fn a_faulty_pattern_or_address_is_refused() {
    let executor = Executor::new("sleep 300");
    for (address, pattern) in [
        ("127.0.0.1:{port}", "("),
        ("127.0.0.1:{port}", ""),
        ("127.0.0.1", "a"),
        ("udp://127.0.0.1:0", "a"),
        ("socket", "a"),
    ] {
        fails(&executor.clone().reply(address, "", pattern), ErrorKind::InvalidInput);
    }
}

#[test]
fn the_body_of_an_http_answer_has_to_match() {
    let server = Executor::new([bin!("mk-http-server"), "{port}"]).timeout(LONG);
    let pid = Http::head("http://127.0.0.1:{port}/pid");
    let process = server.clone().http(pid.clone().pattern(r"^\d+$")).start_soon();
    assert!(process.url().ends_with("/pid"));
    let error = fails(&server.http(pid.pattern("^x")).timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["GET http://", "a body that matches `^x`", "no match in its body: "]);
    let faulty = Http::get("http://127.0.0.1:{port}/").pattern("(");
    fails(&Executor::new("sleep 300").http(faulty), ErrorKind::InvalidInput);
}
