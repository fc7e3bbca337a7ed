//! An HTTP URL that answers.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use regex_lite::Regex;
use ureq::http::{Method, Request, Uri, header};
use ureq::{Agent, Body};

use super::tcp::Tcp;
use super::{Attempt, Condition, Found, Readiness, Surroundings};
use crate::address::Url;
use crate::error::{Error, Result};

/// A request, and which answer says that a process is ready.
///
/// By default the request is a HEAD, and any status from 200 to 299 will do. Redirects are not
/// followed. A server that answers a HEAD by 405 or 501 does not know it and is asked by GET from
/// then on. Before the first request, the port has to accept connections.
///
/// # Examples
///
/// ```
/// use mirakuru_core::Http;
///
/// let health = Http::get("http://127.0.0.1:{port}/health").status(200..=204);
/// let login = Http::post("http://127.0.0.1:{port}/login")
///     .header("Accept", "application/json")
///     .form([("user", "admin"), ("password", "hole")]);
/// # let _ = (health, login);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    method: String,
    url: String,
    status: Status,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    request_timeout: Option<Duration>,
}

impl Http {
    /// A HEAD request to this URL, which may hold placeholders.
    #[must_use]
    pub fn head(url: impl Into<String>) -> Self {
        Self::request("HEAD", url)
    }

    /// A GET request.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::request("GET", url)
    }

    /// A POST request.
    #[must_use]
    pub fn post(url: impl Into<String>) -> Self {
        Self::request("POST", url)
    }

    /// A request by any method.
    #[must_use]
    pub fn request(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            status: Status::from(200..=299),
            headers: Vec::new(),
            body: None,
            request_timeout: None,
        }
    }

    /// Which status says that the process is ready. Default: 200 to 299.
    #[must_use]
    pub fn status(mut self, status: impl Into<Status>) -> Self {
        self.status = status.into();
        self
    }

    /// Adds a header. The default ones are `Accept: */*` and a `User-Agent`.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends these fields as an HTML form does.
    #[must_use]
    pub fn form<K, V>(self, fields: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<str>,
        V: AsRef<str>,
    {
        let pairs = fields
            .into_iter()
            .map(|(k, v)| format!("{}={}", encoded(k.as_ref()), encoded(v.as_ref())));
        let body = pairs.collect::<Vec<_>>().join("&");
        self.header("Content-Type", "application/x-www-form-urlencoded").body(body)
    }

    /// Sends this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// How long a single request may take. Default: a second at first, then twice as long each
    /// time; in any case no longer than is left for the start.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = Some(timeout);
        self
    }

    pub(super) fn texts(&self) -> Vec<&str> {
        vec![&self.url]
    }

    pub(super) fn condition(&self, around: &Surroundings<'_>) -> Result<Answers> {
        let url = Url::parse(&around.values.render(&self.url)?).map_err(Error::invalid)?;
        if url.https {
            let what = format!("`{}`: https cannot be asked; wait for its port by `tcp`", self.url);
            return Err(Error::invalid(what));
        }
        if self.request_timeout == Some(Duration::ZERO) {
            return Err(Error::invalid("a request that may take no time cannot be answered"));
        }
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|_| {
            Error::invalid(format!("`{}` is not the name of an HTTP method", self.method))
        })?;
        let answers = Answers {
            tcp: Tcp::at(&url.address, around.listens)?,
            status: self.status.matcher()?,
            http: self.clone(),
            method,
            url,
            asked: 0,
            last: String::new(),
        };
        // A faulty header or target is found before anything is started.
        answers.request("http://127.0.0.1:1")?;
        Ok(answers)
    }
}

impl<S: Into<String>> From<S> for Http {
    fn from(url: S) -> Self {
        Self::head(url)
    }
}

/// As a form writes it: everything but letters, digits and `-_.~` by its bytes.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        b' ' => "+".to_owned(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A set of HTTP status codes: one, a range, or a regular expression over the whole code.
///
/// # Examples
///
/// ```
/// use mirakuru_core::Status;
///
/// let one = Status::from(204);
/// let range = Status::from(200..=399);
/// let pattern = Status::from("(2..|401)");
/// # let _ = (one, range, pattern);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status(Codes);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Codes {
    Range(RangeInclusive<u16>),
    Pattern(String),
}

impl From<u16> for Status {
    fn from(code: u16) -> Self {
        Self(Codes::Range(code..=code))
    }
}

impl From<RangeInclusive<u16>> for Status {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self(Codes::Range(range))
    }
}

impl From<&str> for Status {
    fn from(pattern: &str) -> Self {
        Self(Codes::Pattern(pattern.to_owned()))
    }
}

impl From<String> for Status {
    fn from(pattern: String) -> Self {
        Self(Codes::Pattern(pattern))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Codes::Range(range) if *range == (200..=299) => f.write_str("2xx"),
            Codes::Range(range) if range.start() == range.end() => write!(f, "{}", range.start()),
            Codes::Range(range) => write!(f, "{} to {}", range.start(), range.end()),
            Codes::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

enum Matcher {
    Range(RangeInclusive<u16>),
    Pattern(Regex),
}

impl Status {
    fn matcher(&self) -> Result<Matcher> {
        match &self.0 {
            Codes::Range(range)
                if range.is_empty() || *range.end() < 100 || *range.start() > 999 =>
            {
                Err(Error::invalid(format!("no HTTP status is {self}")))
            }
            Codes::Range(range) => Ok(Matcher::Range(range.clone())),
            Codes::Pattern(pattern) => {
                let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
                    let what =
                        format!("the status `{pattern}` is not a regular expression: {error}");
                    Error::invalid(what)
                })?;
                Ok(Matcher::Pattern(whole))
            }
        }
    }
}

impl Matcher {
    fn matches(&self, code: u16) -> bool {
        match self {
            Self::Range(range) => range.contains(&code),
            Self::Pattern(pattern) => pattern.is_match(&code.to_string()),
        }
    }
}

/// How long the first request may take.
const FIRST_LIMIT: Duration = Duration::from_secs(1);

/// The condition of one start.
pub(super) struct Answers {
    http: Http,
    url: Url,
    method: Method,
    status: Matcher,
    tcp: Tcp,
    asked: u32,
    /// The last answer.
    last: String,
}

impl Answers {
    /// The request, to an address that has answered before.
    fn request(&self, base: &str) -> Result<Request<Vec<u8>>> {
        let Url { address, target, .. } = &self.url;
        let uri: Uri = format!("{base}{target}").parse().map_err(|error| {
            Error::invalid(format!("`{}` is not a URL: {error}", self.http.url))
        })?;
        let mut request = Request::builder().method(self.method.clone()).uri(uri);
        if !self.http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(header::HOST, address.to_string());
        }
        for (name, value) in &self.http.headers {
            request = request.header(name, value);
        }
        request.body(self.http.body.clone().unwrap_or_default()).map_err(|error| {
            Error::invalid(format!("the request to `{}` is faulty: {error}", self.http.url))
        })
    }

    fn not_yet(&mut self, last: String) -> Readiness {
        self.last.clone_from(&last);
        Readiness::NotYet(last)
    }

    fn ask(&self, base: &str, limit: Duration) -> Result<Result<u16, ureq::Error>> {
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(limit))
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_idle_connections(0)
            // What is asked is on this machine, whatever the environment says of proxies.
            .proxy(None)
            .user_agent(concat!("mirakuru/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let request = self.request(base)?;
        let status = |answer: ureq::http::Response<Body>| answer.status().as_u16();
        Ok(if request.body().is_empty() {
            agent.run(request.map(|_| ())).map(status)
        } else {
            agent.run(request).map(status)
        })
    }

    /// How long the next request may take. A server that hangs on its first request may be one
    /// that hangs for ever, or one that is slow; so each one gets more time than the one before.
    fn limit(&self, deadline: Instant) -> Duration {
        let growing = FIRST_LIMIT * (1 << self.asked.min(10));
        let left = deadline.saturating_duration_since(Instant::now());
        self.http.request_timeout.unwrap_or(growing).min(left).max(Duration::from_millis(1))
    }
}

impl Condition for Answers {
    fn what(&self) -> String {
        let Url { address, target, .. } = &self.url;
        let status = &self.http.status;
        format!("{} http://{}{target} with status {status}", self.method, address)
    }

    fn holds_already(&mut self) -> Option<String> {
        self.tcp.holds_already()
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let not_listening = self.tcp.check(attempt)?;
        let Some(addr) = self.tcp.answered() else { return Ok(not_listening) };
        let base = format!("http://{addr}");
        let limit = self.limit(attempt.deadline());
        self.asked += 1;
        match self.ask(&base, limit)? {
            Ok(code) if self.status.matches(code) => Ok(Readiness::Ready),
            Ok(405 | 501) if self.method == Method::HEAD => {
                self.method = Method::GET;
                self.check(attempt)
            }
            Ok(code) => Ok(self.not_yet(format!("HTTP status {code}"))),
            // The last look before the deadline may have no time for an answer.
            Err(ureq::Error::Timeout(_)) if limit < FIRST_LIMIT && !self.last.is_empty() => {
                Ok(Readiness::NotYet(self.last.clone()))
            }
            Err(ureq::Error::Timeout(_)) => Ok(self.not_yet(format!("no answer within {limit:?}"))),
            Err(error) => Ok(self.not_yet(error.to_string())),
        }
    }

    fn found(&self) -> Found {
        let addr = self.tcp.answered();
        let url = addr.map(|addr| format!("http://{addr}{}", self.url.target));
        Found { addr, url }
    }
}
