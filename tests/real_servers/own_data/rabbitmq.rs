//! A virtual host for each test.

use std::io::{Read, Write};
use std::net::TcpStream;

use mirakuru_rstest::{Executor, Lease, Scope, Shared, servers};
use mirakuru_tests::need;
use rstest::{fixture, rstest};

static RABBITMQ: Shared = Shared::new(rabbitmq).scope(Scope::Session);

const MANAGEMENT: &str = "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port:http}";

fn rabbitmq() -> Executor {
    servers::rabbitmq()
        .name("rabbitmq-with-hosts")
        .file("{dir}/plugins", "[rabbitmq_management].")
        .file("{dir}/conf.d/http.conf", MANAGEMENT)
        .http("http://127.0.0.1:{port:http}/")
}

/// A virtual host that no other test has.
struct Host {
    server: Lease,
}

impl Host {
    fn new(server: Lease) -> Self {
        let host = Self { server };
        assert_eq!(host.request("PUT", "vhosts", "", "").0, 201);
        host
    }

    /// Sends a request for something in this host, and returns the status and the body.
    fn request(&self, method: &str, what: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.server.port_named("http"))).unwrap();
        let (host, length) = (self.server.unique(), body.len());
        let head = format!("{method} /api/{what}/{host}{path} HTTP/1.0");
        let user = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nContent-Type: application/json";
        write!(stream, "{head}\r\n{user}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.request("DELETE", "vhosts", "", "");
    }
}

#[fixture]
fn host() -> Option<Host> {
    need("rabbitmq-server")?;
    Some(Host::new(RABBITMQ.lease().unwrap()))
}

#[rstest]
fn each_test_has_a_virtual_host_of_its_own(host: Option<Host>, #[values(1, 2, 3)] number: usize) {
    let Some(host) = host else { return };
    let queues = || host.request("GET", "definitions", "", "").1.matches("\"auto_delete\"").count();
    assert_eq!(queues(), 0);
    for queue in 0..number {
        assert_eq!(host.request("PUT", "queues", &format!("/{queue}"), "{}").0, 201);
    }
    // The list of queues fails if two clients are the first to ask for it at once (3.10.8).
    assert_eq!(queues(), number);
}
