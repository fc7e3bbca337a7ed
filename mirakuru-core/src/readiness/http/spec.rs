//! What an executor says about a URL.

use std::time::Duration;

use super::status::Status;
use crate::error::Result;
use crate::readiness::condition::{Condition, ConditionSpec, Requirements, StartContext};
use crate::readiness::identity::Identity;
use crate::syntax::address::{Place, Port, Url};
use crate::syntax::http;

/// An HTTP request, and the status of the answer that shows that a process is ready.
///
/// By default the request is a HEAD, and any status from 200 to 299 counts. Redirects are not
/// followed. A server that answers a HEAD with 405 or 501 does not support it and is asked by GET from
/// then on. Before the first request, the process has to listen on the port.
///
/// # URLs
///
/// | URL | requested |
/// |---|---|
/// | `http://127.0.0.1:{port}/health` | at a port, by default 80 |
/// | `http://127.0.0.1:0/health` | at each port that the process has chosen, until one answers as wanted |
/// | `https://localhost:{port}/health` | at a port, by default 443, with the feature `https` |
/// | `http://unix:{dir}/server.sock:/health` | on a Unix socket |
///
/// `localhost` and `*.localhost` are this machine, whatever the resolver says; the `Host` header keeps
/// the name.
///
/// All of them need the feature `http`, which is on by default. Without it, a start fails that waits for
/// a URL, and the key `http` of the attribute is an error of the compiler.
///
/// Certificates are not verified: the process that listens is already known, as far as this system
/// tells.
///
/// The path of a socket ends at the last `:/` before a query; without one, `/` is requested. It is
/// resolved as in [`Executor::unix_socket`](crate::Executor::unix_socket).
///
/// # Error reports
///
/// A report quotes the last wrong status and the first line of the body that came with it. The answer
/// to a HEAD has no body; use [`Http::get`] if the server explains itself in the body.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Http;
/// let health = Http::get("http://127.0.0.1:{port}/health").status(200..=204);
/// let login = Http::post("http://127.0.0.1:{port}/login")
///     .header("Accept", "application/json")
///     .form([("user", "admin"), ("password", "hole")]);
/// # let _ = (health, login);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Http {
    pub(super) method: String,
    pub(super) url: String,
    pub(super) status: Status,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) pattern: Option<String>,
    pub(super) request_timeout: Option<Duration>,
}

impl Http {
    /// Returns a HEAD request to this URL, which may contain placeholders.
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Http};
    /// let server = Executor::new("my-server {port}").http(Http::head("http://127.0.0.1:{port}/"));
    /// ```
    #[must_use]
    pub fn head(url: impl Into<String>) -> Self {
        Self::request("HEAD", url)
    }

    /// Returns a GET request to this URL, which may contain placeholders.
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Http};
    /// let server = Executor::new("my-server {port}").http(Http::get("http://127.0.0.1:{port}/"));
    /// ```
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::request("GET", url)
    }

    /// Returns a POST request to this URL, which may contain placeholders.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// let query = Http::post("http://127.0.0.1:{port}/query").body("SELECT 1");
    /// ```
    #[must_use]
    pub fn post(url: impl Into<String>) -> Self {
        Self::request("POST", url)
    }

    /// Returns a request by any method to this URL, which may contain placeholders.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// let options = Http::request("OPTIONS", "http://127.0.0.1:{port}/");
    /// ```
    #[must_use]
    pub fn request(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            status: Status::from(200..=299),
            headers: Vec::new(),
            body: None,
            pattern: None,
            request_timeout: None,
        }
    }

    /// Sets the status that shows that the process is ready. Default: 200 to 299.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// let is_up = Http::get("http://127.0.0.1:{port}/").status(200..=499);
    /// ```
    #[must_use]
    pub fn status(mut self, status: impl Into<Status>) -> Self {
        self.status = status.into();
        self
    }

    /// Adds a header. The default ones are `Accept: */*` and a `User-Agent`. All together have up to 16 KiB.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// let json = Http::get("http://127.0.0.1:{port}/").header("Accept", "application/json");
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends these fields as an HTML form does.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// let login = Http::post("http://127.0.0.1:{port}/login").form([("user", "admin")]);
    /// ```
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

    /// Sends this body. Default: none.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// let ping = Http::post("http://127.0.0.1:{port}/rpc").body(r#"{"method":"ping"}"#);
    /// ```
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets a regular expression that the body of the answer has to match, in its first 64 KiB.
    /// Default: none.
    ///
    /// It is searched as in [`Executor::reply`](crate::Executor::reply). A HEAD becomes a GET: the
    /// answer to a HEAD has no body.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// // Consul answers `""` until it has a leader.
    /// let has_leader = Http::get("http://127.0.0.1:{port}/v1/status/leader").pattern("\"[^\"]+\"");
    /// # let _ = has_leader;
    /// ```
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self
    }

    /// Sets the time limit of a single request. Default: a second at first, a tenth of that at port 0,
    /// then twice as long after each request without an answer. A request never takes longer than is
    /// left for the start.
    ///
    /// ```
    /// # use mirakuru_core::Http;
    /// # use std::time::Duration;
    /// let slow = Http::get("http://127.0.0.1:{port}/").request_timeout(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = Some(timeout);
        self
    }

    pub(super) fn has_host(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"))
    }

    /// Fails if the method or a header cannot be one.
    pub(super) fn check(&self) -> Result<(), String> {
        http::check_method(&self.method)?;
        self.headers.iter().try_for_each(|(name, value)| {
            http::check_header_name(name)?;
            http::check_header_value(value)
        })
    }
}

impl ConditionSpec for Http {
    fn key(&self) -> &'static str {
        "http"
    }

    fn templates(&self) -> Vec<&str> {
        vec![&self.url]
    }

    fn captures(&self) -> Vec<String> {
        let url = Url::parse(&self.url).ok().filter(is_any_port);
        url.map(|_| "port".to_owned()).into_iter().collect()
    }

    fn requirements(&self) -> Requirements {
        let is_socket = |url: Url| matches!(url.place, Place::Unix(_));
        let asks_by_network = !Url::parse(&self.url).is_ok_and(is_socket);
        Requirements { asks_by_network, ..Requirements::default() }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(self);
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        self.condition(context)
    }
}

pub(super) fn is_any_port(url: &Url) -> bool {
    matches!(&url.place, Place::Tcp { address, .. } if address.port == Port::Any)
}

impl From<&str> for Http {
    fn from(url: &str) -> Self {
        Self::head(url)
    }
}

impl From<String> for Http {
    fn from(url: String) -> Self {
        Self::head(url)
    }
}

impl From<&String> for Http {
    fn from(url: &String) -> Self {
        Self::head(url)
    }
}

/// Encodes a text as a form does: every byte but those of letters, digits and `-_.~`.
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
