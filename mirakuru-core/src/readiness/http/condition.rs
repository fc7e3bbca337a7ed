//! The condition of one start: a URL that answers as it was asked to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ureq::http::{HeaderValue, Method, Request, header};

use super::request::{Answer, RequestError, ask};
use super::scheme;
use super::status::{Status, StatusMatcher};
use super::transport::Transport;
use crate::error::Result;
use crate::readiness::{Attempt, Condition, Endpoint, FIRST_LIMIT, Readiness, next_limit};
use crate::sys::Watcher;

/// What is left of the time, at least, when a HEAD in vain is asked by GET for the report.
const LATE: Duration = Duration::from_millis(200);

/// What is asked where, and which answer is wanted.
pub(super) struct HttpSpec {
    /// The URL in messages.
    pub(super) url: String,
    pub(super) target: String,
    /// Whether the host in the request has to have the port that was found.
    pub(super) names_found_port: bool,
    pub(super) status: Status,
    pub(super) matcher: StatusMatcher,
    pub(super) request: Request<Vec<u8>>,
    pub(super) request_timeout: Option<Duration>,
    /// What has to accept connections before the first request.
    pub(super) connect_check: Box<dyn Condition>,
    pub(super) transport: Transport,
}

pub(in crate::readiness) struct HttpCondition {
    spec: HttpSpec,
    /// When the first look was.
    began: Option<Instant>,
    asked: u32,
    /// The last answer.
    last: String,
    /// What GET said of the status that HEAD got.
    by_get: Option<(u16, String)>,
}

impl HttpCondition {
    pub(super) fn new(spec: HttpSpec) -> Self {
        Self { spec, began: None, asked: 0, last: String::new(), by_get: None }
    }

    fn is_head(&self) -> bool {
        self.spec.request.method() == Method::HEAD
    }

    fn ask_by(&self, method: Method, limit: Duration) -> Result<Answer, RequestError> {
        let HttpSpec { transport, matcher, .. } = &self.spec;
        let mut request = self.spec.request.clone();
        *request.method_mut() = method;
        ask(transport, request, limit, |code| matcher.matches(code))
    }

    /// How long the next request may take.
    fn limit(&self, deadline: Instant) -> Duration {
        let wanted = self.spec.request_timeout.unwrap_or_else(|| next_limit(self.asked));
        let left = deadline.saturating_duration_since(Instant::now());
        wanted.min(left).max(Duration::from_millis(1))
    }

    fn not_yet(&mut self, last: String) -> Readiness {
        self.last.clone_from(&last);
        Readiness::NotYet(last)
    }

    /// The wrong answer, in the words of a report. One to HEAD has no body that could be quoted, so
    /// GET is asked once, when it is nearly certain that there will be a report.
    fn in_words(&mut self, answer: &Answer, deadline: Instant) -> String {
        if !self.is_head() {
            return answer.to_string();
        }
        if self.by_get.is_none() && self.is_late(deadline) {
            self.by_get = Some((answer.code, self.words_of_get(answer, deadline)));
        }
        match &self.by_get {
            Some((code, words)) if *code == answer.code => words.clone(),
            _ => answer.to_string(),
        }
    }

    /// Takes the address that has accepted.
    fn take_found(&mut self, found: Option<SocketAddr>) {
        let HttpSpec { transport, request, names_found_port, .. } = &mut self.spec;
        let host = found.and_then(|addr| HeaderValue::from_str(&addr.to_string()).ok());
        if let (true, Some(host)) = (*names_found_port, host) {
            request.headers_mut().insert(header::HOST, host);
        }
        if let Transport::Tcp { at, .. } = transport {
            *at = found;
        }
    }

    fn is_late(&self, deadline: Instant) -> bool {
        let now = Instant::now();
        let whole = deadline.saturating_duration_since(self.began.unwrap_or(now));
        deadline.saturating_duration_since(now) < LATE.max(whole / 10)
    }

    fn words_of_get(&self, to_head: &Answer, deadline: Instant) -> String {
        match self.ask_by(Method::GET, self.limit(deadline)) {
            Ok(answer) if answer.code == to_head.code => answer.to_string(),
            Ok(answer) if self.spec.matcher.matches(answer.code) => {
                format!("{to_head}, but {} to a GET; `Http::get` asks by that", answer.code)
            }
            _ => to_head.to_string(),
        }
    }
}

impl Condition for HttpCondition {
    fn what(&self) -> String {
        let HttpSpec { url, status, request, .. } = &self.spec;
        format!("{} {url} with status {status}", request.method())
    }

    fn precheck(&mut self) -> Option<String> {
        self.spec.connect_check.precheck()
    }

    fn way_out(&self) -> Option<String> {
        self.spec.connect_check.way_out()
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        self.began.get_or_insert_with(Instant::now);
        if let Readiness::NotYet(last) = self.spec.connect_check.check(attempt)? {
            return Ok(Readiness::NotYet(last));
        }
        self.take_found(self.spec.connect_check.found().addr);
        let limit = self.limit(attempt.deadline());
        self.asked += 1;
        match self.ask_by(self.spec.request.method().clone(), limit) {
            Ok(answer) if self.spec.matcher.matches(answer.code) => Ok(Readiness::Ready),
            Ok(Answer { code: 405 | 501, .. }) if self.is_head() => {
                *self.spec.request.method_mut() = Method::GET;
                self.check(attempt)
            }
            Ok(answer) => {
                let last = self.in_words(&answer, attempt.deadline());
                Ok(self.not_yet(last))
            }
            // The last look before the deadline may have no time for an answer.
            Err(RequestError::Timeout) if limit < FIRST_LIMIT && !self.last.is_empty() => {
                Ok(Readiness::NotYet(self.last.clone()))
            }
            Err(RequestError::Timeout) => Ok(self.not_yet(format!("no answer within {limit:?}"))),
            Err(RequestError::Because(why)) => Ok(self.not_yet(why)),
        }
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.spec.connect_check.watch(watcher)
    }

    fn is_told(&self) -> bool {
        self.spec.connect_check.is_told()
    }

    fn captured(&self) -> BTreeMap<String, String> {
        self.spec.connect_check.captured()
    }

    fn found(&self) -> Endpoint {
        let HttpSpec { url, target, .. } = &self.spec;
        match &self.spec.transport {
            Transport::Tcp { https, at } => {
                let url = at.map(|addr| format!("{}://{addr}{target}", scheme(*https)));
                Endpoint { addr: *at, url }
            }
            Transport::Unix(_) => Endpoint { addr: None, url: Some(url.clone()) },
        }
    }
}
