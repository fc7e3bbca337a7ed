//! The subset of HTTP/1.1 that the test servers need: one request per connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request of a client.
#[derive(Debug)]
pub struct Request {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// The header lines as received.
    pub headers: String,
    /// As many bytes as `Content-Length` says.
    pub body: Vec<u8>,
}

impl Request {
    /// Returns the path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or("")
    }

    /// Returns a value of the query, such as `ms` of `/warm?ms=500`.
    pub fn query(&self, key: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Reads a request; `None` if the client disconnects without one, as a TCP check does.
    fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(None);
        }
        let mut words = first.split_whitespace().map(String::from);
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
        let headers = read_headers(&mut reader)?;
        let mut body = vec![0; content_length(&headers)];
        reader.read_exact(&mut body)?;
        Ok(Some(Request { method, target, headers, body }))
    }
}

fn read_headers(reader: &mut impl BufRead) -> io::Result<String> {
    let mut headers = String::new();
    loop {
        let start = headers.len();
        reader.read_line(&mut headers)?;
        if headers[start..].trim_end().is_empty() {
            headers.truncate(start);
            return Ok(headers);
        }
    }
}

fn content_length(headers: &str) -> usize {
    let mut fields = headers.lines().filter_map(|line| line.split_once(':'));
    fields
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    code: u16,
    body: Vec<u8>,
}

impl Answer {
    /// An answer with a body.
    pub fn new(code: u16, body: impl Into<Vec<u8>>) -> Answer {
        Answer { code, body: body.into() }
    }

    /// An answer without a body.
    pub fn code(code: u16) -> Answer {
        Answer::new(code, "")
    }

    /// No answer: the connection is closed.
    pub fn nothing() -> Answer {
        Answer::code(0)
    }

    fn send(&self, mut stream: &TcpStream, to_head: bool) -> io::Result<()> {
        let Answer { code, body } = self;
        if *code == 0 {
            return Ok(());
        }
        let length = body.len();
        let mut bytes = format!(
            "HTTP/1.1 {code} {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
            reason(*code)
        )
        .into_bytes();
        if !to_head {
            bytes.extend_from_slice(body);
        }
        stream.write_all(&bytes)
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        404 => "Not Found",
        405 => "Method Not Allowed",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}

/// Answers each connection in a thread of its own, until the process exits.
pub fn serve<F>(listener: &TcpListener, answer: F) -> io::Result<()>
where
    F: Fn(&Request) -> Answer + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    loop {
        let (stream, _) = listener.accept()?;
        let answer = Arc::clone(&answer);
        thread::spawn(move || talk(&stream, &*answer));
    }
}

fn talk(stream: &TcpStream, answer: &impl Fn(&Request) -> Answer) -> io::Result<()> {
    let Some(request) = Request::read(stream)? else { return Ok(()) };
    eprintln!("{} {}", request.method, request.target);
    answer(&request).send(stream, request.method == "HEAD")
}
