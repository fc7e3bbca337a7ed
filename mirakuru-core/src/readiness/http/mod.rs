//! An HTTP URL that answers.

mod condition;
mod excerpt;
mod request;
mod status;
mod transport;

use std::time::Duration;

use ureq::http::{Method, Request, Uri, header};

pub use status::Status;

use self::condition::{HttpCondition, HttpSpec};
use self::transport::Transport;
use super::any_port::AnyPort;
use super::tcp::Tcp;
use super::unix_socket::UnixSocket;
use super::{Condition, StartContext};
use crate::error::{Error, Result};
use crate::syntax::address::{Place, Port, Url};

/// A request, and which answer says that a process is ready.
///
/// By default the request is a HEAD, and any status from 200 to 299 will do. Redirects are not
/// followed. A server that answers a HEAD by 405 or 501 does not know it and is asked by GET from
/// then on. Before the first request, the port has to accept connections.
///
/// # URLs
///
/// | URL | asked |
/// |---|---|
/// | `http://127.0.0.1:{port}/health` | at a port, by default 80 |
/// | `https://localhost:{port}/health` | at a port, by default 443, if the feature `https` is turned on |
/// | `http://unix:{dir}/server.sock:/health` | on a Unix socket |
///
/// Certificates are not verified: who listens is known already, as far as this system tells.
///
/// The path of a socket ends at the last `:/` before a query; where there is none, `/` is asked for.
/// It is as in [`Executor::unix_socket`](crate::Executor::unix_socket).
///
/// # What a report says
///
/// The status and the first line of the body, or the title of a page. The answer to a HEAD has no
/// body; when the time for the start is nearly over, a HEAD that got a wrong status is followed by
/// one GET, whose body is quoted.
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

    /// Whether the process itself chooses the port.
    pub(super) fn has_any_port(&self) -> bool {
        Url::parse(&self.url).is_ok_and(|url| is_any_port(&url))
    }

    pub(super) fn condition(&self, around: &StartContext<'_>) -> Result<HttpCondition> {
        let text = around.values.render(&self.url)?;
        let url = Url::parse(&text).map_err(Error::invalid)?;
        if self.request_timeout == Some(Duration::ZERO) {
            return Err(Error::invalid("a request that may take no time cannot be answered"));
        }
        let (connect_check, transport): (Box<dyn Condition>, _) = match &url.place {
            Place::Tcp { https: true, .. } if !cfg!(feature = "https") => {
                return Err(Error::invalid(format!(
                    "`{}`: turn on the feature `https` of mirakuru-rstest or mirakuru-core to ask \
                     https, or wait for the port by `tcp`",
                    self.url
                )));
            }
            Place::Tcp { https, address } => {
                let connect_check: Box<dyn Condition> = match address.port {
                    Port::Any => Box::new(AnyPort::new(address, around.listens)?),
                    _ => Box::new(Tcp::at(address, around.listens)?),
                };
                (connect_check, Transport::Tcp { https: *https, at: None })
            }
            Place::Unix(path) => {
                let path = around.dir.join(path);
                (Box::new(UnixSocket::new(path.clone())?), Transport::Unix(path))
            }
        };
        // A faulty header or target is found before anything is started.
        let request = self.to_request(&url)?;
        Ok(HttpCondition::new(HttpSpec {
            url: shown(&url, &text),
            names_found_port: is_any_port(&url) && !self.has_host(),
            status: self.status.clone(),
            matcher: self.status.matcher()?,
            request_timeout: self.request_timeout,
            target: url.target,
            request,
            connect_check,
            transport,
        }))
    }

    fn has_host(&self) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"))
    }

    fn to_request(&self, url: &Url) -> Result<Request<Vec<u8>>> {
        let (scheme, host) = match &url.place {
            Place::Tcp { https, address } => (scheme(*https), address.to_string()),
            // As other clients call a host that has no name.
            Place::Unix(_) => ("http", "localhost".to_owned()),
        };
        let method = Method::from_bytes(self.method.as_bytes()).map_err(|_| {
            Error::invalid(format!("`{}` is not the name of an HTTP method", self.method))
        })?;
        let uri: Uri = format!("{scheme}://{host}{}", url.target)
            .parse()
            .map_err(|error| Error::invalid(format!("`{}` is not a URL: {error}", self.url)))?;
        let mut request = Request::builder().method(method).uri(uri);
        if !self.has_host() {
            request = request.header(header::HOST, host);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(self.body.clone().unwrap_or_default()).map_err(|error| {
            Error::invalid(format!("the request to `{}` is faulty: {error}", self.url))
        })
    }
}

fn is_any_port(url: &Url) -> bool {
    matches!(&url.place, Place::Tcp { address, .. } if address.port == Port::Any)
}

fn scheme(https: bool) -> &'static str {
    if https { "https" } else { "http" }
}

/// The URL for a message: with its port, or as it was written.
fn shown(url: &Url, text: &str) -> String {
    match &url.place {
        Place::Tcp { https, address } => format!("{}://{address}{}", scheme(*https), url.target),
        Place::Unix(_) => text.to_owned(),
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
