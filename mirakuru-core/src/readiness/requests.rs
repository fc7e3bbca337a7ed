//! Requests to a process, at each address where it listens, until one is answered as wanted.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, next_limit};
use super::condition::{Condition, Conflict, Explanation, Found, Poll};
use super::tcp::TcpPort;
use crate::error::Result;

/// The place to which requests are sent. The process has to listen there first.
pub(super) enum Destination {
    Tcp(TcpPort),
    /// A UDP port or a Unix socket.
    Other(Box<dyn Condition>),
}

impl Destination {
    /// Returns all addresses at which the process listens, none for a Unix socket, or what was seen
    /// instead.
    fn reached(&mut self, attempt: &Attempt<'_>) -> Result<Result<Vec<Option<SocketAddr>>, Poll>> {
        Ok(match self {
            Self::Tcp(port) => match port.reached(attempt)? {
                Ok(addresses) => Ok(addresses.into_iter().map(Some).collect()),
                Err(seen) => Err(Poll::pending(seen)),
            },
            Self::Other(condition) => match condition.poll(attempt)? {
                Poll::Ready(found) => Ok(vec![found.endpoint.addr]),
                pending => Err(pending),
            },
        })
    }

    fn is_any(&self) -> bool {
        matches!(self, Self::Tcp(port) if port.is_any())
    }

    pub(super) fn precheck(&mut self) -> Option<Conflict> {
        match self {
            Self::Tcp(port) => port.precheck(),
            Self::Other(condition) => condition.precheck(),
        }
    }

    pub(super) fn explain(&self) -> Explanation {
        match self {
            Self::Tcp(port) => port.explain(),
            Self::Other(condition) => condition.explain(),
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Tcp(port) => port.hint(),
            Self::Other(condition) => condition.hint(),
        }
    }
}

/// The requests of one condition. `T` is what it knows about each address.
pub(super) struct Requests<T> {
    pub(super) destination: Destination,
    /// The time limit of each request. Without it, a request that hangs doubles that of the next one.
    limit: Option<Duration>,
    pub(super) candidates: Vec<Candidate<T>>,
    /// The address that answered as wanted.
    answered: Option<SocketAddr>,
}

/// An address that is asked; none for a Unix socket.
pub(super) struct Candidate<T> {
    at: Option<SocketAddr>,
    /// The number of requests that took all their time.
    hung: u32,
    /// The last observation.
    pub(super) seen: String,
    pub(super) known: T,
}

/// The outcome of one request.
pub(super) enum Outcome {
    Wanted,
    /// This was seen instead.
    Other(String),
    /// The time was over, and this was seen by then.
    TimedOut(String),
}

impl<T: Default> Requests<T> {
    pub(super) fn new(destination: Destination, limit: Option<Duration>) -> Self {
        Self { destination, limit, candidates: Vec::new(), answered: None }
    }

    /// Asks each address at which the process listens, within a time limit, until one answers as wanted.
    pub(super) fn poll(
        &mut self,
        attempt: &Attempt<'_>,
        mut ask: impl FnMut(Option<SocketAddr>, &mut T, Duration) -> Outcome,
    ) -> Result<Poll> {
        let places = match self.destination.reached(attempt)? {
            Ok(addresses) => self.in_order(addresses),
            Err(pending) => return Ok(pending),
        };
        for place in &places {
            let wanted = self.limit(self.candidates[*place].hung);
            let left = attempt.deadline().saturating_duration_since(Instant::now());
            let limit = wanted.min(left).max(Duration::from_millis(1));
            let candidate = &mut self.candidates[*place];
            match ask(candidate.at, &mut candidate.known, limit) {
                Outcome::Wanted => {
                    self.answered = candidate.at;
                    return Ok(Poll::Ready(self.found()));
                }
                // The last request before the deadline may have had too little time for an answer.
                Outcome::TimedOut(_) if limit < wanted && !candidate.seen.is_empty() => {}
                Outcome::TimedOut(seen) => {
                    candidate.hung += 1;
                    candidate.seen = seen;
                }
                Outcome::Other(seen) => candidate.seen = seen,
            }
        }
        Ok(Poll::pending(self.seen(&places)))
    }

    /// Returns how long a request may take that follows so many which took all their time.
    fn limit(&self, hung: u32) -> Duration {
        self.limit.unwrap_or_else(|| match self.destination.is_any() {
            // Some ports that a process has chosen may not speak the protocol at all.
            true => next_limit(hung) / 10,
            false => next_limit(hung),
        })
    }

    /// Returns the places of the candidates for these addresses, the most promising ones first.
    fn in_order(&mut self, addresses: Vec<Option<SocketAddr>>) -> Vec<usize> {
        let place = |at: Option<SocketAddr>| {
            let known = self.candidates.iter().position(|candidate| candidate.at == at);
            known.unwrap_or_else(|| {
                let (seen, known) = (String::new(), T::default());
                self.candidates.push(Candidate { at, hung: 0, seen, known });
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

    /// Returns what was seen of these candidates.
    fn seen(&self, places: &[usize]) -> String {
        let seen = |place: &usize| match &self.candidates[*place] {
            Candidate { at: Some(at), seen, .. } if places.len() > 1 => format!("{at}: {seen}"),
            candidate => candidate.seen.clone(),
        };
        places.iter().map(seen).collect::<Vec<_>>().join("; ")
    }

    /// Returns the address that answered, as a value of `{port}` if the process has chosen it.
    fn found(&self) -> Found {
        match self.answered {
            Some(addr) if self.destination.is_any() => Found::at_chosen(addr),
            Some(addr) => Found::at(addr),
            None => Found::default(),
        }
    }
}
