//! The condition of one start: a URL answers with the wanted status.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::http::{HeaderValue, Method, Request, header};

use super::request::{Answer, NO_ANSWER, NO_TLS, NOT_HTTP, PLAIN_HINT, RequestError, send};
use super::status::{Status, StatusMatcher};
use super::transport::Transport;
use crate::error::Result;
use crate::readiness::attempt::Attempt;
use crate::readiness::condition::{Condition, Conflict, Explanation, Poll};
use crate::readiness::reply_pattern::ReplyPattern;
use crate::readiness::requests::{Destination, Outcome, Requests};

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
    pub(super) transport: Transport,
}

pub(super) struct HttpCondition {
    spec: HttpSpec,
    requests: Requests<Known>,
}

/// What is known about the server at one address.
#[derive(Default)]
struct Known {
    /// It does not support HEAD.
    uses_get: bool,
    /// The status of its last answer.
    code: Option<u16>,
}

impl HttpCondition {
    pub(super) fn new(spec: HttpSpec, to: Destination, limit: Option<Duration>) -> Self {
        Self { spec, requests: Requests::new(to, limit) }
    }
}

impl HttpSpec {
    /// Sends the request, by GET if the server does not support HEAD.
    fn send(&self, known: &mut Known, limit: Duration) -> Outcome {
        let began = Instant::now();
        let mut request = self.request.clone();
        if known.uses_get {
            *request.method_mut() = Method::GET;
        }
        let is_head = request.method() == Method::HEAD;
        let is_wanted = |code| self.matcher.matches(code);
        match send(&self.transport, request, limit, is_wanted, self.pattern.as_ref()) {
            Ok(answer) if answer.is_wanted => Outcome::Wanted,
            Ok(Answer { code: 405 | 501, .. }) if is_head => {
                known.uses_get = true;
                let left = limit.saturating_sub(began.elapsed());
                self.send(known, left.max(Duration::from_millis(1)))
            }
            Ok(answer) => {
                known.code = Some(answer.code);
                Outcome::Other(answer.to_string())
            }
            Err(RequestError::Timeout) => Outcome::TimedOut(format!("no answer within {limit:?}")),
            Err(RequestError::Because(why)) => Outcome::Other(why),
        }
    }

    /// Sends the requests to an address that was found.
    fn use_address(&mut self, found: Option<SocketAddr>) {
        let host = found.and_then(|addr| HeaderValue::from_str(&addr.to_string()).ok());
        if let (true, Some(host)) = (self.names_found_port, host) {
            self.request.headers_mut().insert(header::HOST, host);
        }
        if let Transport::Tcp { at, .. } = &mut self.transport {
            *at = found;
        }
    }

    /// Says what to do about a server that listens, and ends each request without an answer of HTTP.
    fn help_with_protocol(&self, seen: &str) -> Option<String> {
        if seen != NO_ANSWER && !seen.starts_with(NOT_HTTP) {
            return None;
        }
        let condition = match self.transport {
            Transport::Tcp { .. } => "tcp",
            Transport::Unix(_) => "unix_socket",
        };
        Some(format!(
            "it listens there, but does not speak HTTP: `{condition}` waits for servers of other \
             protocols. If it only needs longer, give it a longer `timeout`"
        ))
    }

    /// Returns the URL that has answered.
    fn found_url(&self) -> Option<String> {
        match &self.transport {
            Transport::Tcp { at, .. } => {
                at.map(|addr| format!("{}://{addr}{}", self.transport.scheme(), self.target))
            }
            Transport::Unix(_) => Some(self.url.clone()),
        }
    }
}

impl Condition for HttpCondition {
    fn describe(&self) -> String {
        let HttpSpec { url, status, request, pattern, .. } = &self.spec;
        let uses_get = self.requests.candidates.iter().any(|it| it.known.uses_get);
        let method = if uses_get { &Method::GET } else { request.method() };
        let body = pattern.as_ref().map(|pattern| format!(" and a body that matches `{pattern}`"));
        format!("{method} {url} with status {status}{}", body.unwrap_or_default())
    }

    fn precheck(&mut self) -> Option<Conflict> {
        self.requests.destination.precheck()
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let Self { spec, requests } = self;
        let mut poll = requests.poll(attempt, |at, known, limit| {
            spec.use_address(at);
            spec.send(known, limit)
        })?;
        if let Poll::Ready(found) = &mut poll {
            found.endpoint.url = spec.found_url();
        }
        Ok(poll)
    }

    fn explain(&self) -> Explanation {
        let Explanation { seen, help } = self.requests.destination.explain();
        let candidates = &self.requests.candidates;
        let by_status = || help_with(candidates.iter().rev().find_map(|it| it.known.code)?);
        let by_tls = || candidates.iter().find_map(|it| help_with_tls(&it.seen));
        let by_protocol =
            || candidates.iter().find_map(|it| self.spec.help_with_protocol(&it.seen));
        Explanation { seen, help: help.or_else(by_status).or_else(by_tls).or_else(by_protocol) }
    }

    fn hint(&self) -> Option<String> {
        self.requests.destination.hint()
    }
}

/// Says what to do about a handshake that failed.
fn help_with_tls(seen: &str) -> Option<String> {
    let what = match seen.strip_prefix(NO_TLS)?.ends_with(PLAIN_HINT) {
        true => "ask by `http://`, or let it speak TLS at this port",
        false => "ask by a host name that the server knows, and see what its log says",
    };
    Some(format!("more time does not help: {what}"))
}

/// Says what to do about a status that another request would change.
fn help_with(code: u16) -> Option<String> {
    let what = match code {
        300..=399 => "redirects, and redirects are not followed: ask for the target",
        401 | 403 | 407 => "wants credentials: give it a `header`, ask for another path",
        404 => "has nothing at this path so far: ask for another path",
        // It asks for patience.
        408 | 423 | 425 | 429 => return None,
        400..=499 => "answers, but not to this request: ask for another path, or by another method",
        _ => return None,
    };
    let help =
        format!("the server {what}, or accept the answer by `status = {code}` (or `Http::status`)");
    Some(match code {
        404 => format!("{help}. If the path only comes later, give it a longer `timeout`"),
        _ => help,
    })
}
