//! The condition of one start: a URL answers with the wanted status.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::http::{HeaderValue, Method, Request, header};

use super::request::{Answer, RequestError, send};
use super::status::{Status, StatusMatcher};
use super::transport::Transport;
use crate::error::Result;
use crate::readiness::attempt::{Attempt, FIRST_LIMIT, next_limit};
use crate::readiness::condition::{Condition, Endpoint, Explanation, Found, Poll};
use crate::readiness::reply_pattern::ReplyPattern;

/// A request with all its values, and the wanted answer.
pub(super) struct HttpSpec {
    /// The URL in messages.
    pub(super) url: String,
    pub(super) target: String,
    /// The `Host` header has to name the port that was found.
    pub(super) names_found_port: bool,
    pub(super) status: Status,
    pub(super) matcher: StatusMatcher,
    pub(super) pattern: Option<ReplyPattern>,
    pub(super) request: Request<Vec<u8>>,
    pub(super) request_timeout: Option<Duration>,
    /// Has to hold before the first request.
    pub(super) connect_check: Box<dyn Condition>,
    pub(super) transport: Transport,
}

pub(super) struct HttpCondition {
    spec: HttpSpec,
    requests: u32,
    /// The last observation.
    seen: String,
}

impl HttpCondition {
    pub(super) fn new(spec: HttpSpec) -> Self {
        Self { spec, requests: 0, seen: String::new() }
    }

    /// Returns how long the next request may take.
    fn limit(&self, deadline: Instant) -> Duration {
        let wanted = self.spec.request_timeout.unwrap_or_else(|| next_limit(self.requests));
        let left = deadline.saturating_duration_since(Instant::now());
        wanted.min(left).max(Duration::from_millis(1))
    }

    /// Sends the request, by GET if the server does not support HEAD.
    fn send(&mut self, deadline: Instant) -> Poll {
        let limit = self.limit(deadline);
        self.requests += 1;
        let HttpSpec { transport, matcher, request, pattern, .. } = &self.spec;
        let is_wanted = |code| matcher.matches(code);
        match send(transport, request.clone(), limit, is_wanted, pattern.as_ref()) {
            Ok(answer) if answer.is_wanted => Poll::Ready(Found::default()),
            Ok(Answer { code: 405 | 501, .. }) if request.method() == Method::HEAD => {
                *self.spec.request.method_mut() = Method::GET;
                self.send(deadline)
            }
            Ok(answer) => self.pending(answer.to_string()),
            // The last request before the deadline may have had too little time for an answer.
            Err(RequestError::Timeout) if limit < FIRST_LIMIT && !self.seen.is_empty() => {
                Poll::pending(self.seen.clone())
            }
            Err(RequestError::Timeout) => self.pending(format!("no answer within {limit:?}")),
            Err(RequestError::Because(why)) => self.pending(why),
        }
    }

    fn pending(&mut self, seen: String) -> Poll {
        self.seen.clone_from(&seen);
        Poll::pending(seen)
    }

    /// Sends the requests to the address that has accepted.
    fn use_address(&mut self, found: Option<SocketAddr>) {
        let HttpSpec { transport, request, names_found_port, .. } = &mut self.spec;
        let host = found.and_then(|addr| HeaderValue::from_str(&addr.to_string()).ok());
        if let (true, Some(host)) = (*names_found_port, host) {
            request.headers_mut().insert(header::HOST, host);
        }
        if let Transport::Tcp { at, .. } = transport {
            *at = found;
        }
    }

    fn endpoint(&self) -> Endpoint {
        let HttpSpec { url, target, transport, .. } = &self.spec;
        match transport {
            Transport::Tcp { at, .. } => {
                let url = at.map(|addr| format!("{}://{addr}{target}", transport.scheme()));
                Endpoint { addr: *at, url }
            }
            Transport::Unix(_) => Endpoint { addr: None, url: Some(url.clone()) },
        }
    }
}

impl Condition for HttpCondition {
    fn describe(&self) -> String {
        let HttpSpec { url, status, request, pattern, .. } = &self.spec;
        let body = pattern.as_ref().map(|pattern| format!(" and a body that matches `{pattern}`"));
        format!("{} {url} with status {status}{}", request.method(), body.unwrap_or_default())
    }

    fn precheck(&mut self) -> Option<String> {
        self.spec.connect_check.precheck()
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let connected = match self.spec.connect_check.poll(attempt)? {
            Poll::Ready(found) => found,
            pending => return Ok(pending),
        };
        self.use_address(connected.endpoint.addr);
        Ok(match self.send(attempt.deadline()) {
            Poll::Ready(_) => {
                Poll::Ready(Found { endpoint: self.endpoint(), captures: connected.captures })
            }
            pending => pending,
        })
    }

    fn explain(&self) -> Explanation {
        self.spec.connect_check.explain()
    }
}
