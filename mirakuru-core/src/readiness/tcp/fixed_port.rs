//! A TCP port that is known before the start.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::listener::{self, CONNECT_TIMEOUT, connect, reason};
use crate::diagnostics::{events, port_owner};
use crate::error::{Error, Result};
use crate::readiness::attempt::Attempt;
use crate::readiness::condition::{Condition, Explanation, Found, Poll, StartContext};
use crate::readiness::instead;
use crate::readiness::ownership::{self, Ownership};
use crate::readiness::settle::{Certainty, Seat, settle};
use crate::resources::ports;
use crate::syntax::address::Address;
use crate::sys::{self, Listener, ListeningSocket};
use crate::types::Owner;

pub(in crate::readiness) struct FixedPort {
    address: String,
    /// The socket addresses of the host. The process has to listen at one of them.
    candidates: Vec<SocketAddr>,
    certainty: Certainty,
    /// A connection is made even where the kernel proves that the process listens.
    connects: bool,
    owner: Owner,
    /// The process inherits a socket that already listens there.
    is_inherited: bool,
    /// The connection that the process has not accepted yet.
    queued: Option<TcpStream>,
    is_queue_taken: bool,
    /// The sockets that have been found to be ready.
    ready: Vec<u64>,
    /// The supervisor of the process, once it was looked for.
    supervisor: Option<i32>,
    /// An event was emitted about a listener whose owner is unknown.
    is_unknown_owner_logged: bool,
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
        let port = Self::new(address.to_string(), candidates, context.connects, certainty);
        Ok(Self { is_inherited, owner: context.owner, ..port })
    }

    /// A port that the process itself listens on.
    pub(super) fn of_listener(address: SocketAddr, connects: bool, certainty: Certainty) -> Self {
        Self::new(address.to_string(), vec![address], connects, certainty)
    }

    fn new(
        address: String,
        candidates: Vec<SocketAddr>,
        connects: bool,
        certainty: Certainty,
    ) -> Self {
        Self {
            address,
            candidates,
            certainty,
            connects,
            owner: Owner::Tree,
            is_inherited: false,
            queued: None,
            is_queue_taken: false,
            ready: Vec::new(),
            supervisor: None,
            is_unknown_owner_logged: false,
        }
    }

    /// Returns all addresses at which the process listens, or what was seen instead.
    pub(super) fn reached(
        &mut self,
        attempt: &Attempt<'_>,
    ) -> Result<Result<Vec<SocketAddr>, String>> {
        if let (true, Some(candidate)) = (self.is_inherited, self.candidates.first().copied()) {
            return Ok(match self.poll_inherited(candidate, attempt.deadline()) {
                Poll::Ready(_) => Ok(vec![candidate]),
                Poll::Pending { seen, .. } => Err(seen),
            });
        }
        self.supervisor = Some(attempt.client.supervisor_pid());
        let (mut reached, mut last) = (Vec::new(), String::new());
        for candidate in self.candidates.clone() {
            match self.look(candidate, attempt)? {
                Ok(()) => reached.push(candidate),
                Err(error) => last = format!("{candidate}: {}", reason(&error)),
            }
        }
        Ok(if reached.is_empty() { Err(last) } else { Ok(reached) })
    }

    /// Checks whether the process accepts at a socket where the kernel completes connections on its
    /// behalf: a connection has to be taken out of the queue.
    fn poll_inherited(&mut self, candidate: SocketAddr, deadline: Instant) -> Poll {
        // One accepted connection is enough: the next poll would make another one, which no server
        // can have accepted that soon.
        if self.is_queue_taken {
            return Poll::Ready(Found::at(candidate));
        }
        let stream = match self.queued.take().map_or_else(|| connect(candidate, deadline), Ok) {
            Ok(stream) => stream,
            Err(error) => return Poll::pending(format!("{candidate}: {}", reason(&error))),
        };
        if sys::is_accepted(&stream).unwrap_or(false) {
            self.is_queue_taken = true;
            return Poll::Ready(Found::at(candidate));
        }
        self.queued = Some(stream);
        Poll::pending(format!("{candidate}: a connection waits to be accepted"))
    }

    /// Checks whether the process accepts connections at an address, and fails if another process
    /// does.
    fn look(&mut self, candidate: SocketAddr, attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        match listener::find(candidate) {
            Listener::None if self.owner == Owner::Tree => Ok(Err(listener::refused())),
            Listener::Socket(socket) => self.look_at(candidate, socket, attempt),
            // What answers for another process may do so without a listener of this machine.
            Listener::None => Ok(self.connect(candidate, attempt)),
            Listener::Unknown => {
                let connected = self.connect(candidate, attempt);
                Ok(connected.inspect(|()| self.log_unknown_owner(candidate, attempt)))
            }
        }
    }

    /// Checks a socket that listens. A connection is made only if the kernel does not prove that it
    /// belongs to the process: the process might be made for one connection.
    fn look_at(
        &mut self,
        candidate: SocketAddr,
        socket: ListeningSocket,
        attempt: &Attempt<'_>,
    ) -> Result<io::Result<()>> {
        if self.ready.contains(&socket.inode) {
            return Ok(Ok(()));
        }
        let owner = match settle(&Listening { candidate, socket }, attempt.client, self.certainty) {
            None => return Ok(Err(listener::refused())),
            Some(Ownership::Stranger(pid)) if self.owner == Owner::Tree => {
                let what = format!("{candidate} is listened on by");
                return Err(ownership::not_ours(pid, socket.user, &what));
            }
            Some(owner) => owner,
        };
        if socket.is_full {
            return Ok(Err(io::ErrorKind::TimedOut.into()));
        }
        let is_proven = matches!(owner, Ownership::Ours(_));
        if self.certainty == Certainty::Stays && (self.connects || !is_proven) {
            if let Err(error) = self.connect(candidate, attempt) {
                return Ok(Err(error));
            }
        }
        if owner == Ownership::Unknown {
            self.log_unknown_owner(candidate, attempt);
        }
        self.ready.push(socket.inode);
        Ok(Ok(()))
    }

    fn connect(&self, candidate: SocketAddr, attempt: &Attempt<'_>) -> io::Result<()> {
        connect(candidate, attempt.deadline()).map(drop)
    }

    fn log_unknown_owner(&mut self, candidate: SocketAddr, attempt: &Attempt<'_>) {
        if !std::mem::replace(&mut self.is_unknown_owner_logged, true) {
            events::not_judged(attempt.client.name(), attempt.client.state().main, candidate);
        }
    }
}

/// A socket that listens at an address.
struct Listening {
    candidate: SocketAddr,
    socket: ListeningSocket,
}

impl Seat for Listening {
    fn inode(&self) -> u64 {
        self.socket.inode
    }

    fn is_taken(&self) -> bool {
        let now = listener::find(self.candidate);
        matches!(now, Listener::Socket(now) if now.inode == self.socket.inode)
    }

    fn sharing(&self) -> Vec<u64> {
        listener::sharing_address(sys::listeners().unwrap_or_default(), self.socket.inode)
    }
}

impl Condition for FixedPort {
    fn describe(&self) -> String {
        format!("a TCP connection to {}", self.address)
    }

    fn precheck(&mut self) -> Option<String> {
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
            Some(format!("{candidate} is listened on by {}", port_owner::of_socket(inode)))
        })
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        if let (true, Some(candidate)) = (self.is_inherited, self.candidates.first().copied()) {
            return Ok(self.poll_inherited(candidate, attempt.deadline()));
        }
        self.supervisor = Some(attempt.client.supervisor_pid());
        let mut seen = String::new();
        for candidate in self.candidates.clone() {
            match self.look(candidate, attempt)? {
                Ok(()) => return Ok(Poll::Ready(Found::at(candidate))),
                Err(error) => seen = format!("{candidate}: {}", reason(&error)),
            }
        }
        Ok(Poll::pending(seen))
    }

    fn explain(&self) -> Explanation {
        let is_free = |it: &SocketAddr| listener::find(*it) == Listener::None;
        let help = if self.is_inherited {
            Some(
                "the process inherits the socket, but does not accept: does it read `LISTEN_FDS`, \
                 and is it what was started? A shell in front of it has to `exec` it"
                    .to_owned(),
            )
        } else if self.candidates.iter().all(is_free) {
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
}
