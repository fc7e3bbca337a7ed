//! Port 0: a server that chooses its port and does not announce it.
#![cfg(not(mirakuru_fallback))]

use std::net::{TcpListener, TcpStream};

use mirakuru_rstest::{ErrorKind, Executor, Owner};
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

#[test]
fn a_socket_of_ipv6_that_is_bound_to_an_address_of_ipv4_is_found() {
    let Some(python) = need("python3") else { return };
    let script = "import os, socket
open(os.environ['READY_MARK'], 'w').close()
server = socket.socket(socket.AF_INET6)
server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
server.bind(('::ffff:127.0.0.1', 0))
server.listen()
server.accept()";
    let server = Executor::new([python]).args(["-c", script]).tcp("127.0.0.1:0").timeout(LONG);
    TcpStream::connect(server.start_when_ready().addr()).unwrap();
}

/// A server that chooses a port for each word, in their order: `404` answers so, `200` too, and `mute`
/// answers nothing.
fn several(words: &[&str]) -> Option<Executor> {
    let python = need("python3")?;
    let script = "import http.server as h, os, socket, sys, threading, time
class Answer(h.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.send_response(self.server.code)
        self.end_headers()
def listen(word):
    if word == 'mute':
        return socket.create_server(('127.0.0.1', 0))
    server = h.ThreadingHTTPServer(('127.0.0.1', 0), Answer)
    server.code = int(word)
    threading.Thread(target=server.serve_forever).start()
    return server
servers = [listen(word) for word in sys.argv[1:-1]]
time.sleep(0.1)
open(os.environ['READY_MARK'], 'w').close()
last = listen(sys.argv[-1])";
    let executor = Executor::new([python]).args(["-c", script]).args(words.iter().copied());
    Some(executor.timeout(LONG))
}

#[test]
fn a_url_is_asked_at_each_port_until_one_answers_as_wanted() {
    for words in [["404", "200"], ["mute", "200"], ["500", "200"]] {
        let Some(server) = several(&words) else { return };
        let process = server.http("http://127.0.0.1:0/").start_when_ready();
        assert_eq!(process.addr().port(), process.port(), "{words:?}");
        assert_eq!(http_head(process.addr()), 200, "{words:?}");
    }
}

#[test]
fn a_reply_is_asked_for_at_each_port_until_one_is_the_wanted_one() {
    for words in [["404", "200"], ["mute", "200"]] {
        let Some(server) = several(&words) else { return };
        let server = server.reply("127.0.0.1:0", "HEAD / HTTP/1.0\r\n\r\n", "^HTTP/1.0 200");
        let process = server.start_when_ready();
        assert_eq!(process.addr().port(), process.port(), "{words:?}");
        assert_eq!(http_head(process.addr()), 200, "{words:?}");
    }
}

#[test]
fn a_port_of_any_process_is_not_chosen_by_this_one() {
    let server = Executor::new("sleep 300").owner(Owner::Any).timeout(SHORT);
    for executor in [
        server.clone().tcp("127.0.0.1:0"),
        server.clone().http("http://127.0.0.1:0/"),
        server.reply("127.0.0.1:0", "", "hello"),
    ] {
        let error = fails(&executor, ErrorKind::InvalidInput);
        reports(&error, &["`127.0.0.1:0` means a port of this process", "`owner`", "{port}"]);
    }
}

/// Returns the status of a HEAD request.
fn http_head(address: std::net::SocketAddr) -> u16 {
    use std::io::{Read, Write};
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"HEAD / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn several_ports_are_listed_where_one_is_meant() {
    let Some(python) = need("python3") else { return };
    let script = "import socket, time
all = [socket.socket() for _ in range(2)]
for one in all: one.bind(('127.0.0.1', 0))
for one in all: one.listen()
print(*[one.getsockname()[1] for one in all], flush=True)
time.sleep(60)";
    let server = Executor::new([python]).args(["-c", script]).output(r"^(?<a>\d+) (?<b>\d+)$");
    let error = fails(&server.tcp("127.0.0.1:0").timeout(LONG), ErrorKind::InvalidInput);
    reports(&error, &["it listens on several ports: 127.0.0.1:", ", 127.0.0.1:", "{port:name}"]);
}

#[test]
fn a_port_that_the_executor_names_is_not_the_one_that_the_process_chooses() {
    let Some(python) = need("python3") else { return };
    let script = "import os, socket, sys, time
debug = socket.create_server(('127.0.0.1', int(sys.argv[1])))
time.sleep(0.1)
open(os.environ['READY_MARK'], 'w').close()
socket.create_server(('127.0.0.1', 0)).accept()";
    let server = Executor::new([python]).args(["-c", script, "{port:debug}"]).tcp("127.0.0.1:0");
    let process = server.timeout(LONG).start_when_ready();
    assert_ne!(process.port(), process.port_named("debug"));
}
