//! A first suite: tests that share one HTTP server, one that turns it off, and one with a server of its own.
//!
//! ```sh
//! MIRAKURU_LOG=info cargo test -p mirakuru-rstest --test quickstart
//! ```

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, with_process};
use rstest::rstest;

/// The server of this suite. `{port}` is a free port; the server is ready when the URL answers.
#[process_fixture]
fn files() -> Executor {
    Executor::new("python3 -m http.server {port}").http("http://127.0.0.1:{port}/").name("files")
}

/// The client; yours is a crate such as `reqwest` or `redis`.
fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut answer = String::new();
    let mut client = TcpStream::connect(address)?;
    write!(client, "GET {path} HTTP/1.0\r\n\r\n")?;
    client.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A fixture hands out leases. The first one starts the server.
#[rstest]
#[case::a_file("/Cargo.toml", "200 OK")]
#[case::no_file("/nonsuch", "404 File not found")]
fn answers(files: Lease, #[case] path: &str, #[case] status: &str) {
    assert!(get(files.addr(), path).unwrap().contains(status));
}

/// `&Process`: this test shares the server with the others, which run at the same time.
#[with_process(files)]
#[test]
fn lists_the_directory(files: &Process) {
    assert!(get(files.addr(), "/").unwrap().contains("Cargo.toml"));
}

/// `&mut Process`: this test has the server for itself, and may turn it off.
#[with_process(files)]
#[test]
fn comes_back_at_the_same_address(files: &mut Process) {
    let address = files.addr();
    let while_off = files.stopped(|| get(address, "/")).unwrap();
    assert!(while_off.is_err());
    assert!(get(files.addr(), "/").is_ok());
}

/// `Process`: this server was started for this test, and is stopped at its end.
#[with_process(cmd = "python3 -u -m http.server {port}", tcp = "127.0.0.1:{port}")]
#[test]
fn has_its_own(server: Process) {
    get(server.addr(), "/only-here").unwrap();
    server.log().wait_for("GET /only-here", Duration::from_secs(5)).unwrap();
}
