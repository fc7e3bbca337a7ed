//! A TCP port that is known before the start.

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::listener::{self, CONNECT_TIMEOUT, connect, reason};
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::readiness::attempt::Attempt;
use crate::readiness::condition::{Condition, Conflict, Explanation, Found, Poll, StartContext};
use crate::readiness::instead;
use crate::readiness::settle::{Certainty, Judge, Seat};
use crate::resources::ports;
use crate::syntax::address::Address;
use crate::sys::{self, Listener, ListenerFinder, ListeningSocket};
use crate::types::Owner;

pub(in crate::readiness) struct FixedPort {
    address: String,
    /// The socket addresses of the host. The process has to listen at one of them.
    candidates: Vec<SocketAddr>,
    judge: Judge,
    finder: ListenerFinder,
    /// The process inherits a socket that already listens there.
    is_inherited: bool,
    /// Who says that the server runs already, if it was not started here.
    external_source: Option<String>,
    /// The connection that the process has not accepted yet.
    queued: Option<TcpStream>,
    is_queue_taken: bool,
    /// The supervisor of the process, once it was looked for.
    supervisor: Option<i32>,
}

impl FixedPort {
    /// A port of a host. Fails if the process inherits its socket on a system that does not tell when
    /// a connection is accepted.
    pub(super) fn at(
        address: &Address,
        context: &StartContext<'_>,
        certainty: Certainty,
    ) -> Result<Self> {
        let candidates = ports::resolve(address)?.into_iter().map(listener::reachable).collect();
        let is_inherited = context.listens.iter().any(|it| it.port() == address.number());
        if is_inherited && sys::listeners().is_none() {
            let what = format!(
                "{address} accepts before the process does, and this system does not tell the \
                 difference; wait for `http`, `output` or `notify`"
            );
            return Err(Error::invalid(what));
        }
        let judge = Judge::new(context, certainty);
        let external_source = context.external_source.map(str::to_owned);
        let port = Self::new(address.to_string(), candidates, judge);
        Ok(Self { is_inherited, external_source, ..port })
    }

    /// A port that the process itself listens on.
    pub(super) fn of_listener(address: SocketAddr, connects: bool, certainty: Certainty) -> Self {
        let judge = Judge::of(Owner::Tree, connects, certainty);
        Self::new(address.to_string(), vec![address], judge)
    }

    fn new(address: String, candidates: Vec<SocketAddr>, judge: Judge) -> Self {
        Self {
            address,
            candidates,
            judge,
            finder: ListenerFinder::default(),
            is_inherited: false,
            external_source: None,
            queued: None,
            is_queue_taken: false,
            supervisor: None,
        }
    }

    /// Returns all addresses at which the process listens, or what was seen instead.
    pub(super) fn reached(
        &mut self,
        attempt: &Attempt<'_>,
    ) -> Result<Result<Vec<SocketAddr>, String>> {
        self.find(attempt, usize::MAX)
    }

    /// Returns the first addresses at which the process listens, at most so many, or what was seen
    /// instead.
    fn find(
        &mut self,
        attempt: &Attempt<'_>,
        max: usize,
    ) -> Result<Result<Vec<SocketAddr>, String>> {
        if let (true, Some(candidate)) = (self.is_inherited, self.candidates.first().copied()) {
            let polled = self.poll_inherited(candidate, attempt.deadline());
            return Ok(polled.map(|()| vec![candidate]));
        }
        self.supervisor = Some(attempt.client.supervisor_pid());
        let (mut found, mut seen) = (Vec::new(), String::new());
        for candidate in self.candidates.clone() {
            match self.look(candidate, attempt)? {
                Ok(()) => found.push(candidate),
                Err(error) => seen = format!("{candidate}: {}", reason(&error)),
            }
            if found.len() == max {
                break;
            }
        }
        Ok(if found.is_empty() { Err(seen) } else { Ok(found) })
    }

    /// Returns true if no process of this machine listens at any of the addresses.
    fn is_free(&self) -> bool {
        self.candidates.iter().all(|it| listener::find(*it) == Listener::None)
    }

    /// Checks whether the process accepts at a socket where the kernel completes connections on its
    /// behalf: a connection has to be taken out of the queue.
    fn poll_inherited(
        &mut self,
        candidate: SocketAddr,
        deadline: Instant,
    ) -> std::result::Result<(), String> {
        // One accepted connection is enough: the next poll would make another one, which no server
        // can have accepted that soon.
        if self.is_queue_taken {
            return Ok(());
        }
        let stream = match self.queued.take().map_or_else(|| connect(candidate, deadline), Ok) {
            Ok(stream) => stream,
            Err(error) => return Err(format!("{candidate}: {}", reason(&error))),
        };
        if sys::is_accepted(&stream).unwrap_or(false) {
            self.is_queue_taken = true;
            return Ok(());
        }
        self.queued = Some(stream);
        Err(format!("{candidate}: a connection waits to be accepted"))
    }

    /// Checks whether the process accepts connections at an address, and fails if another process
    /// does.
    fn look(&mut self, candidate: SocketAddr, attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        match listener::find_by(&mut self.finder, candidate) {
            _ if self.external_source.is_some() => {
                Ok(connect(candidate, attempt.deadline()).map(drop))
            }
            Listener::None if self.judge.wants_tree() => Ok(Err(listener::refused())),
            Listener::Socket(socket) => {
                let finder = RefCell::new(&mut self.finder);
                self.judge.judge(&Listening { candidate, socket, finder }, attempt)
            }
            // What answers for another process may do so without a listener of this machine.
            Listener::None => Ok(connect(candidate, attempt.deadline()).map(drop)),
            Listener::Unknown => {
                let connected = connect(candidate, attempt.deadline()).map(drop);
                Ok(connected.inspect(|()| self.judge.log_unknown_owner(candidate, attempt)))
            }
        }
    }
}

/// A socket that listens at an address.
struct Listening<'a> {
    candidate: SocketAddr,
    socket: ListeningSocket,
    finder: RefCell<&'a mut ListenerFinder>,
}

impl Seat for Listening<'_> {
    fn socket(&self) -> ListeningSocket {
        self.socket
    }

    fn place(&self) -> String {
        self.candidate.to_string()
    }

    fn is_taken(&self) -> bool {
        let now = listener::find_by(&mut self.finder.borrow_mut(), self.candidate);
        matches!(now, Listener::Socket(now) if now.inode == self.socket.inode)
    }

    fn sharing(&self) -> Vec<u64> {
        let at_port = self.finder.borrow_mut().at_port(self.candidate.port());
        listener::sharing_address(at_port.unwrap_or_default(), self.socket.inode)
    }

    fn connect(&self, attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        Ok(connect(self.candidate, attempt.deadline()).map(drop))
    }
}

impl Condition for FixedPort {
    fn describe(&self) -> String {
        format!("a TCP connection to {}", self.address)
    }

    fn precheck(&mut self) -> Option<Conflict> {
        if self.is_inherited {
            // At a restart, it is our own socket that listens.
            return None;
        }
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        self.candidates.iter().find_map(|candidate| {
            let inode = match listener::find(*candidate) {
                Listener::None => return None,
                Listener::Socket(socket) => Some(socket.inode),
                Listener::Unknown => connect(*candidate, deadline).ok().map(|_| None)?,
            };
            let pid = inode.and_then(sys::socket_owner);
            let why = format!("{candidate} is listened on by {}", port_owner::of_socket(pid));
            Some(Conflict { why, pid })
        })
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        Ok(match self.find(attempt, 1)? {
            Ok(found) => Poll::Ready(found.into_iter().map(Found::at).collect()),
            Err(seen) => Poll::pending(seen),
        })
    }

    fn explain(&self) -> Explanation {
        let help = if self.is_inherited {
            Some(
                "the process inherits the socket, but does not accept: does it read `LISTEN_FDS`, \
                 and is it what was started? A shell in front of it has to `exec` it"
                    .to_owned(),
            )
        } else if self.is_free() {
            let instead = self.supervisor.and_then(|it| instead::help(&self.candidates, it));
            Some(instead.unwrap_or_else(|| {
                format!(
                    "no process listens at {}: is that the address in the command, its variables or \
                     its configuration? If it only needs longer, give it a longer `timeout`",
                    self.address
                )
            }))
        } else {
            None
        };
        Explanation { seen: None, help }
    }

    fn hint(&self) -> Option<String> {
        let is_there = |it: &SocketAddr| matches!(listener::find(*it), Listener::Socket(_));
        match &self.external_source {
            Some(_) if self.candidates.iter().any(is_there) => None,
            Some(source) => Some(format!("{source} says that it runs already")),
            None if self.is_inherited || !self.is_free() => None,
            None => instead::listens(self.supervisor?),
        }
    }
}
