//! One request and its answer.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use ureq::http::{Method, Request, Response, header};
use ureq::{Agent, Body};

use super::excerpt::{self, BODY_MAX};
use super::transport::Transport;
use crate::readiness::reply_pattern::ReplyPattern;

/// The time limit for reading a body, which is quoted in a message only.
const BODY_LIMIT: Duration = Duration::from_millis(250);

/// The number of bytes of a body in which a pattern is searched.
const MATCHED_MAX: usize = 64 * 1024; // 64 KiB

/// The size of the largest response header that is read, which is the limit of `ureq`, too.
const RESPONSE_HEADER_MAX: usize = 64 * 1024;

/// The size of the largest request header. Each request has new buffers, and those of `ureq`, of 128 KiB, take
/// longer to make than the server to answer.
const REQUEST_HEADER_MAX: usize = 16 * 1024;

/// The answer of a server, as far as a report quotes it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// The code and the body are the wanted ones.
    pub(super) is_wanted: bool,
    /// The text after the code.
    details: String,
}

/// Why no answer came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    Timeout,
    /// For this reason, in the words of a report.
    Because(String),
}

/// Sends a request once. The body of the answer is read only if its code is not wanted, or if it has to
/// match a pattern.
pub(super) fn send(
    transport: &Transport,
    request: Request<Vec<u8>>,
    limit: Duration,
    is_wanted: impl Fn(u16) -> bool,
    pattern: Option<&ReplyPattern>,
) -> Result<Answer, RequestError> {
    let body_limit = if pattern.is_some() { limit } else { BODY_LIMIT };
    let agent = agent(transport, limit, body_limit);
    // Methods that usually have a body are sent with `content-length: 0` if it is empty. For the others,
    // ureq rejects an empty body.
    let has_body = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH)
        || !request.body().is_empty();
    let answered = if has_body { agent.run(request) } else { agent.run(request.map(|_| ())) };
    let response = answered.map_err(|error| no_answer(error, transport))?;
    let code = response.status().as_u16();
    let (is_wanted, details) = match (is_wanted(code), pattern) {
        (true, None) => (true, String::new()),
        (true, Some(pattern)) => compare(response.into_body(), pattern),
        (false, _) => (false, details(response)),
    };
    Ok(Answer { code, is_wanted, details })
}

/// Returns true if a body matches, or what it is instead.
fn compare(body: Body, pattern: &ReplyPattern) -> (bool, String) {
    let bytes = beginning(body, MATCHED_MAX, |bytes| pattern.is_match(bytes));
    match (pattern.is_match(&bytes), excerpt::excerpt(&bytes)) {
        (true, _) => (true, String::new()),
        (false, text) if text.is_empty() => (false, ", but its body is empty".to_owned()),
        (false, text) => (false, format!(", but no match in its body: {text}")),
    }
}

fn agent(transport: &Transport, limit: Duration, body_limit: Duration) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(limit))
        .timeout_recv_body(Some(body_limit))
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .max_redirects(0)
        .max_idle_connections(0)
        .input_buffer_size(RESPONSE_HEADER_MAX)
        .output_buffer_size(REQUEST_HEADER_MAX)
        // The server was started here, so no proxy of the environment is used.
        .proxy(None)
        .user_agent(concat!("mirakuru/", env!("CARGO_PKG_VERSION")));
    // The process that listens is already known. The signature of its certificate would prove nothing
    // more.
    #[cfg(feature = "https")]
    let config =
        config.tls_config(ureq::tls::TlsConfig::builder().disable_verification(true).build());
    transport.agent(config.build())
}

fn details(response: Response<Body>) -> String {
    let headers = response.headers();
    let location = headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    if let (true, Some(location)) = (response.status().is_redirection(), location) {
        return format!(", to {}; redirects are not followed", excerpt::shortened(location));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return String::new(); // Compressed: it is not readable as it is.
    }
    match excerpt::excerpt(&beginning(response.into_body(), BODY_MAX, excerpt::is_enough)) {
        text if text.is_empty() => text,
        text => format!(": {text}"),
    }
}

/// Reads as much of a body as is enough, or as comes in time.
fn beginning(body: Body, max: usize, is_enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut reader = body.into_reader();
    let mut bytes = vec![0; max];
    let mut length = 0;
    while length < max && !is_enough(&bytes[..length]) {
        match reader.read(&mut bytes[length..]) {
            Ok(0) | Err(_) => break,
            Ok(amount) => length += amount,
        }
    }
    bytes.truncate(length);
    bytes
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP status {}{}", self.code, self.details)
    }
}

fn no_answer(error: ureq::Error, transport: &Transport) -> RequestError {
    let is_https = matches!(transport, Transport::Tcp { https: true, .. });
    RequestError::Because(match error {
        ureq::Error::Timeout(_) => return RequestError::Timeout,
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => NO_ANSWER.to_owned(),
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            io::ErrorKind::WouldBlock => "a process listens but does not accept".to_owned(),
            io::ErrorKind::InvalidData if is_https => no_tls(&error.to_string()),
            _ => error.to_string(),
        },
        ureq::Error::Protocol(error) => no_http(&error.to_string()),
        ureq::Error::LargeResponseHeader(..) => "the header of the answer has no end".to_owned(),
        error if is_https => no_tls(&error.to_string()),
        error => error.to_string(),
    })
}

/// What is seen of a server that hangs up.
pub(super) const NO_ANSWER: &str = "closed the connection without an answer";

/// The beginning of what is seen of a server that answers in another protocol.
pub(super) const NOT_HTTP: &str = "the answer is not HTTP";

/// The beginning of what was seen when there is no TLS connection.
pub(super) const NO_TLS: &str = "the TLS handshake failed";

/// The end of it if the answer is not one of TLS.
pub(super) const PLAIN_HINT: &str = "; does it speak plain http?";

fn no_tls(why: &str) -> String {
    let hint = if why.contains("corrupt message") { PLAIN_HINT } else { "" };
    format!("{NO_TLS}: {why}{hint}")
}

fn no_http(why: &str) -> String {
    match why.strip_prefix("http parse fail: ") {
        Some(why) => format!("{NOT_HTTP} ({why})"),
        None => format!("the exchange is not HTTP ({why})"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;
    use std::thread;
    use std::time::Instant;

    use super::*;

    /// Sends a request to a server on a Unix socket that does this with its one connection.
    fn asked(
        name: &str,
        body: Vec<u8>,
        limit: Duration,
        serve: impl FnOnce(UnixStream) + Send + 'static,
    ) -> Result<Answer, RequestError> {
        let path = PathBuf::from(format!("/tmp/mirakuru-ask-{name}-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let server = thread::spawn(move || serve(listener.accept().unwrap().0));
        let request = Request::post("http://localhost/").body(body).unwrap();
        let answer = send(&Transport::Unix(path.clone()), request, limit, |code| code == 200, None);
        server.join().unwrap();
        std::fs::remove_file(path).unwrap();
        answer
    }

    /// Reads to the end of a header, and answers. Returns what it read, too.
    fn answer(mut stream: UnixStream, parts: &[&str]) -> (UnixStream, String) {
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
            asked.extend(byte);
        }
        for part in parts {
            stream.write_all(part.as_bytes()).unwrap();
        }
        (stream, String::from_utf8(asked).unwrap())
    }

    fn because(why: &str) -> Result<Answer, RequestError> {
        Err(RequestError::Because(why.to_owned()))
    }

    const LIMIT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn a_server_that_reads_nothing_or_says_nothing_takes_no_more_than_the_limit() {
        for (name, size) in [("mute", 0), ("deaf", 10_000_000)] {
            let began = Instant::now();
            let (_open, wait) = std::sync::mpsc::channel::<()>();
            let answer = asked(name, vec![b'x'; size], LIMIT, move |stream| {
                let _ = wait.recv_timeout(LIMIT * 3);
                drop(stream);
            });
            assert_eq!(answer, Err(RequestError::Timeout), "{name}");
            assert!(began.elapsed() >= LIMIT, "{name}");
        }
    }

    #[test]
    fn an_answer_in_pieces_is_one_answer() {
        let parts = ["HTTP/1.1 50", "3 Busy\r\nContent-Len", "gth: 8\r\n\r\nwarm", "ing\n"];
        let answer = asked("pieces", vec![], LONG, move |stream| drop(answer(stream, &parts)));
        assert_eq!(answer.unwrap().to_string(), "HTTP status 503: warming");
    }

    #[test]
    fn a_request_without_a_body_says_so() {
        let (sender, received) = std::sync::mpsc::channel();
        let _ =
            asked("bare", vec![], LONG, move |stream| sender.send(answer(stream, &[]).1).unwrap());
        let request = received.recv().unwrap();
        assert!(request.contains("content-length: 0\r\n"), "{request}");
    }

    #[test]
    fn an_answer_before_the_request_has_come_counts() {
        let parts = ["HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nfull"];
        let body = vec![b'x'; 10_000_000];
        let answer = asked("early", body, LONG, move |stream| drop(answer(stream, &parts)));
        assert_eq!(answer.unwrap().to_string(), "HTTP status 503: full");
    }

    #[test]
    fn a_body_without_an_end_does_not_block() {
        let head = "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nwarm";
        let began = Instant::now();
        let answer = asked("endless", vec![], LONG, move |stream| {
            let (mut stream, _) = answer(stream, &[head]);
            let _ = stream.read(&mut [0]); // Until the client has gone.
        });
        assert_eq!(answer.unwrap().to_string(), "HTTP status 503: warm");
        assert!(began.elapsed() < LONG / 2);
    }

    #[test]
    fn an_unreadable_body_is_not_quoted() {
        for (name, headers, body) in
            [("packed", "Content-Encoding: x-own", "\x1f..."), ("blank", "X-Body: no", "\n\n")]
        {
            let parts = format!("HTTP/1.1 500 No\r\n{headers}\r\nConnection: close\r\n\r\n{body}");
            let answer =
                asked(name, vec![], LONG, move |stream| drop(answer(stream, &[parts.as_str()])));
            assert_eq!(answer.unwrap().to_string(), "HTTP status 500", "{name}");
        }
    }

    #[test]
    fn a_missing_answer_is_described_in_plain_words() {
        let closes = asked("closes", vec![], LONG, |stream| drop(answer(stream, &[])));
        assert_eq!(closes, because("closed the connection without an answer"));
        let resets = asked("resets", vec![], LONG, drop);
        assert_eq!(resets, because("closed the connection without an answer"));
        let greets = asked("greets", vec![], LONG, |stream| drop(answer(stream, &["hello\r\n"])));
        assert_eq!(greets, because("the answer is not HTTP (invalid HTTP version)"));
    }
}
