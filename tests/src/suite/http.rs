//! The subset of an HTTP client that the tests need.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Longer than any answer of the programs here takes.
const LIMIT: Duration = Duration::from_secs(10);

/// Returns status and body of the answer to GET; panics if there is none.
#[track_caller]
pub fn http_get(url: &str) -> (u16, String) {
    match try_http_get(url) {
        Ok(answer) => answer,
        Err(err) => panic!("GET {url}: {err}"),
    }
}

/// Returns status and body of the answer to GET.
pub fn try_http_get(url: &str) -> io::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").ok_or_else(|| invalid("not an http:// URL"))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };

    let mut stream = connect(host)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| invalid("not an HTTP answer"))
}

fn connect(host: &str) -> io::Result<TcpStream> {
    let mut last = invalid("no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, LIMIT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(LIMIT))?;
                return Ok(stream);
            }
            Err(err) => last = err,
        }
    }
    Err(last)
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_owned()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
