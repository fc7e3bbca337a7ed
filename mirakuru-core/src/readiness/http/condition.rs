//! The condition of one start: a URL answers with the wanted status.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::http::{HeaderValue, Method, Request, header};

use super::request::{Answer, NO_TLS, PLAIN_HINT, RequestError, send};
use super::status::{Status, StatusMatcher};
use super::transport::Transport;
use crate::error::Result;
use crate::readiness::attempt::{Attempt, next_limit};
use crate::readiness::condition::{Condition, Endpoint, Explanation, Found, Poll};
use crate::readiness::reply_pattern::ReplyPattern;
use crate::readiness::tcp::TcpPort;

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
    pub(super) connect_check: ConnectCheck,
    pub(super) transport: Transport,
}

/// The condition for the first request.
pub(super) enum ConnectCheck {
    Tcp(TcpPort),
    Unix(Box<dyn Condition>),
}

pub(super) struct HttpCondition {
    spec: HttpSpec,
    candidates: Vec<Candidate>,
    /// The address that answered as wanted.
    answered: Option<SocketAddr>,
}

/// An address that is asked; none for a Unix socket.
#[derive(Default)]
struct Candidate {
    at: Option<SocketAddr>,
    /// The number of requests without an answer.
    hung: u32,
    /// The server does not support HEAD.
    uses_get: bool,
    /// The last observation.
    seen: String,
    /// The status of the last answer.
    code: Option<u16>,
}

impl HttpCondition {
    pub(super) fn new(spec: HttpSpec) -> Self {
        Self { spec, candidates: Vec::new(), answered: None }
    }

    /// Returns how long a request may take that follows so many without an answer.
    fn limit(&self, hung: u32) -> Duration {
        let limit = match &self.spec.connect_check {
            // Some ports that a process has chosen may not speak HTTP at all.
            ConnectCheck::Tcp(port) if port.is_any() => next_limit(hung) / 10,
            _ => next_limit(hung),
        };
        self.spec.request_timeout.unwrap_or(limit)
    }

    /// Returns the places of the candidates for these addresses, the most promising ones first.
    fn in_order(&mut self, addresses: Vec<Option<SocketAddr>>) -> Vec<usize> {
        let place = |at: Option<SocketAddr>| {
            let known = self.candidates.iter().position(|candidate| candidate.at == at);
            known.unwrap_or_else(|| {
                self.candidates.push(Candidate { at, ..Candidate::default() });
                self.candidates.len() - 1
            })
        };
        let mut places: Vec<_> = addresses.into_iter().map(place).collect();
        let answered = self.answered;
        places.sort_by_key(|place| {
            let Candidate { at, hung, .. } = &self.candidates[*place];
            (answered.is_none() || *at != answered, *hung)
        });
        places
    }

    /// Sends the request, by GET if the server does not support HEAD. Returns true for the wanted
    /// answer, and keeps what was seen otherwise.
    fn send(&mut self, place: usize, deadline: Instant) -> bool {
        let wanted = self.limit(self.candidates[place].hung);
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = wanted.min(left).max(Duration::from_millis(1));
        let HttpSpec { transport, matcher, request, pattern, .. } = &self.spec;
        let candidate = &mut self.candidates[place];
        let mut request = request.clone();
        if candidate.uses_get {
            *request.method_mut() = Method::GET;
        }
        let is_head = request.method() == Method::HEAD;
        let is_wanted = |code| matcher.matches(code);
        match send(transport, request, limit, is_wanted, pattern.as_ref()) {
            Ok(answer) if answer.is_wanted => return true,
            Ok(Answer { code: 405 | 501, .. }) if is_head => {
                candidate.uses_get = true;
                return self.send(place, deadline);
            }
            Ok(answer) => {
                candidate.seen = answer.to_string();
                candidate.code = Some(answer.code);
            }
            // The last request before the deadline may have had too little time for an answer.
            Err(RequestError::Timeout) if limit < wanted && !candidate.seen.is_empty() => {}
            Err(RequestError::Timeout) => {
                candidate.hung += 1;
                candidate.seen = format!("no answer within {limit:?}");
            }
            Err(RequestError::Because(why)) => candidate.seen = why,
        }
        false
    }

    /// Returns what was seen of these candidates.
    fn seen(&self, places: &[usize]) -> String {
        let seen = |place: &usize| match &self.candidates[*place] {
            Candidate { at: Some(at), seen, .. } if places.len() > 1 => format!("{at}: {seen}"),
            candidate => candidate.seen.clone(),
        };
        places.iter().map(seen).collect::<Vec<_>>().join("; ")
    }

    /// Returns what a found port gives a value to.
    fn captures(&self, at: Option<SocketAddr>) -> BTreeMap<String, String> {
        let is_any = matches!(&self.spec.connect_check, ConnectCheck::Tcp(port) if port.is_any());
        let port = at.filter(|_| is_any).map(|at| at.port().to_string());
        port.map(|port| ("port".to_owned(), port)).into_iter().collect()
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
        let uses_get = self.candidates.iter().any(|candidate| candidate.uses_get);
        let method = if uses_get { &Method::GET } else { request.method() };
        let body = pattern.as_ref().map(|pattern| format!(" and a body that matches `{pattern}`"));
        format!("{method} {url} with status {status}{}", body.unwrap_or_default())
    }

    fn precheck(&mut self) -> Option<String> {
        match &mut self.spec.connect_check {
            ConnectCheck::Tcp(port) => port.precheck(),
            ConnectCheck::Unix(socket) => socket.precheck(),
        }
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let addresses = match &mut self.spec.connect_check {
            ConnectCheck::Tcp(port) => match port.reached(attempt)? {
                Ok(addresses) => addresses.into_iter().map(Some).collect(),
                Err(seen) => return Ok(Poll::pending(seen)),
            },
            ConnectCheck::Unix(socket) => match socket.poll(attempt)? {
                Poll::Ready(_) => vec![None],
                pending => return Ok(pending),
            },
        };
        let places = self.in_order(addresses);
        for place in &places {
            let at = self.candidates[*place].at;
            self.use_address(at);
            if self.send(*place, attempt.deadline()) {
                self.answered = at;
                let captures = self.captures(at);
                return Ok(Poll::Ready(Found { endpoint: self.endpoint(), captures }));
            }
        }
        Ok(Poll::pending(self.seen(&places)))
    }

    fn explain(&self) -> Explanation {
        let Explanation { seen, help } = match &self.spec.connect_check {
            ConnectCheck::Tcp(port) => port.explain(),
            ConnectCheck::Unix(socket) => socket.explain(),
        };
        let mut codes = self.candidates.iter().filter_map(|candidate| candidate.code);
        let by_status = || help_with(codes.next_back()?);
        let by_tls = || self.candidates.iter().find_map(|candidate| help_with_tls(&candidate.seen));
        Explanation { seen, help: help.or_else(by_status).or_else(by_tls) }
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
    let help = format!("the server {what}, or take the answer as it is by `status({code})`");
    Some(match code {
        404 => format!("{help}. If the path only comes later, give it a longer `timeout`"),
        _ => help,
    })
}
