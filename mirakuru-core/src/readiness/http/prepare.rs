//! The request of one start, with all its values.

use std::path::Path;
use std::time::Duration;

use ureq::http::{Method, Request, Uri, header};

use super::condition::{HttpCondition, HttpSpec};
use super::spec::{Http, is_any_port};
use super::transport::Transport;
use crate::diagnostics::time_limit::multiplied;
use crate::error::{Error, Result};
use crate::readiness::condition::{Condition, StartContext};
use crate::readiness::reply_pattern::ReplyPattern;
use crate::readiness::requests::Destination;
use crate::readiness::settle::Certainty;
use crate::readiness::tcp::TcpPort;
use crate::readiness::unix_socket::UnixSocket;
use crate::syntax::address::{Place, Url};
use crate::syntax::template;

impl Http {
    pub(super) fn condition(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        template::check_tcp(&self.url).map_err(Error::invalid)?;
        let text = context.values.render(&self.url)?;
        let mut url = Url::parse(&text).map_err(Error::invalid)?;
        if let Place::Tcp { address, .. } = &mut url.place {
            *address = context.located(address.clone());
        }
        if self.request_timeout == Some(Duration::ZERO) {
            return Err(Error::invalid("the request timeout is zero"));
        }
        let (transport, destination) = self.connection(&url, context)?;
        // A faulty header or target is found before anything is started.
        let request = self.to_request(&url)?;
        let spec = HttpSpec {
            url: shown(&url, text),
            names_found_port: is_any_port(&url) && !self.has_host(),
            status: self.status.clone(),
            matcher: self.status.matcher()?,
            pattern: self.pattern.as_deref().map(ReplyPattern::new).transpose()?,
            target: url.target,
            request,
            transport,
        };
        let request_timeout = self.request_timeout.map(multiplied);
        Ok(Box::new(HttpCondition::new(spec, destination, request_timeout)))
    }

    fn to_request(&self, url: &Url) -> Result<Request<Vec<u8>>> {
        self.check().map_err(Error::invalid)?;
        let method = Method::from_bytes(self.method.as_bytes());
        let method = match method.expect("the method was checked") {
            Method::HEAD if self.pattern.is_some() => Method::GET,
            method => method,
        };
        let (origin, host) = origin(url);
        let uri: Uri = format!("{origin}{}", url.target)
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

    /// Returns how the requests are sent, and what has to accept connections first.
    fn connection(
        &self,
        url: &Url,
        context: &StartContext<'_>,
    ) -> Result<(Transport, Destination)> {
        match &url.place {
            Place::Tcp { https: true, .. } if !cfg!(feature = "https") => Err(Error::invalid(
                format!("`{}` needs the feature `https`", self.url),
            )
            .with_help(
                "add `https` to the features of the dependency in `Cargo.toml`, or wait for the port \
                     by `tcp`",
            )),
            Place::Tcp { https, address } => {
                let transport = Transport::Tcp { https: *https, at: None };
                let port = TcpPort::for_requests(address, context)?;
                Ok((transport, Destination::Tcp(port)))
            }
            Place::Unix(path) => {
                let socket = UnixSocket::at(Path::new(path), context, Certainty::Owned)?;
                let path = socket.path().to_owned();
                Ok((Transport::Unix(path), Destination::Other(Box::new(socket))))
            }
        }
    }
}

/// Returns the scheme with the host, and the host alone.
fn origin(url: &Url) -> (String, String) {
    match &url.place {
        Place::Tcp { https, address } => {
            let scheme = if *https { "https" } else { "http" };
            (format!("{scheme}://{address}"), address.to_string())
        }
        // The name that other clients give to a host without one.
        Place::Unix(_) => ("http://localhost".to_owned(), "localhost".to_owned()),
    }
}

/// Returns the URL for a message: with its port, or as it was written.
fn shown(url: &Url, text: String) -> String {
    match &url.place {
        Place::Tcp { .. } => format!("{}{}", origin(url).0, url.target),
        Place::Unix(_) => text,
    }
}
