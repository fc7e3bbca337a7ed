//! A TCP port that is known before the start.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::listener::{self, CONNECT_TIMEOUT, connect, reason};
use crate::diagnostics::{events, port_owner};
use crate::error::{Error, Result};
use crate::readiness::attempt::Attempt;
use crate::readiness::condition::{Condition, Explanation, Found, Poll};
use crate::readiness::ownership;
use crate::resources::ports;
use crate::syntax::address::Address;
use crate::sys::{self, Listener};

pub(super) struct FixedPort {
    address: String,
    /// The socket addresses of the host. One of them has to accept.
    candidates: Vec<SocketAddr>,
    /// The process inherits a socket that already listens there.
    is_inherited: bool,
    /// The connection that the process has not accepted yet.
    queued: Option<TcpStream>,
    accepted: Option<SocketAddr>,
    /// An event was emitted about a listener whose owner is unknown.
    is_unknown_owner_logged: bool,
}

impl FixedPort {
    /// A port of a host. Fails if the process inherits its socket on a system that does not tell when
    /// a connection is accepted.
    pub(super) fn at(address: &Address, inherited: &[SocketAddr]) -> Result<Self> {
        let candidates = ports::resolve(address)?.into_iter().map(listener::reachable).collect();
        let is_inherited = inherited.iter().any(|listens| listens.port() == address.number());
        if is_inherited && sys::listeners().is_none() {
            let what = format!(
                "{address} accepts before the process does, and this system does not tell the \
                 difference; wait for `http`, `output` or `notify`"
            );
            return Err(Error::invalid(what));
        }
        Ok(Self { is_inherited, ..Self::new(address.to_string(), candidates) })
    }

    /// A port that the process itself listens on.
    pub(super) fn of_listener(address: SocketAddr) -> Self {
        Self::new(address.to_string(), vec![address])
    }

    fn new(address: String, candidates: Vec<SocketAddr>) -> Self {
        Self {
            address,
            candidates,
            is_inherited: false,
            queued: None,
            accepted: None,
            is_unknown_owner_logged: false,
        }
    }

    /// Checks whether the process accepts at a socket where the kernel completes connections on its
    /// behalf: a connection has to be taken out of the queue.
    fn poll_inherited(&mut self, candidate: SocketAddr, deadline: Instant) -> Poll {
        // One accepted connection is enough: the next poll would make another one, which no server
        // can have accepted that soon.
        if self.accepted.is_some() {
            return Poll::Ready(Found::at(candidate));
        }
        let stream = match self.queued.take().map_or_else(|| connect(candidate, deadline), Ok) {
            Ok(stream) => stream,
            Err(error) => return Poll::pending(format!("{candidate}: {}", reason(&error))),
        };
        if sys::is_accepted(&stream).unwrap_or(false) {
            self.accepted = Some(candidate);
            return Poll::Ready(Found::at(candidate));
        }
        self.queued = Some(stream);
        Poll::pending(format!("{candidate}: a connection waits to be accepted"))
    }

    /// Connects to an address, and fails if another process answers there.
    fn connect(
        &mut self,
        candidate: SocketAddr,
        attempt: &Attempt<'_>,
    ) -> Result<io::Result<TcpStream>> {
        let inode = match listener::find(candidate) {
            Listener::None => return Ok(Err(io::ErrorKind::ConnectionRefused.into())),
            Listener::Unknown => None,
            Listener::Socket(inode) => Some(inode),
        };
        let connected = connect(candidate, attempt.deadline());
        if connected.is_ok() {
            self.check_owner(inode, candidate, attempt)?;
        }
        Ok(connected)
    }

    fn check_owner(
        &mut self,
        inode: Option<u64>,
        candidate: SocketAddr,
        attempt: &Attempt<'_>,
    ) -> Result<()> {
        let mut is_known = ownership::is_ours(inode, candidate, attempt.client)?;
        for other in inode.map_or(Vec::new(), listener::sharing_address_of) {
            is_known &= ownership::is_ours(Some(other), candidate, attempt.client)?;
        }
        if !is_known && !std::mem::replace(&mut self.is_unknown_owner_logged, true) {
            events::not_judged(attempt.client.name(), attempt.client.state().main, candidate);
        }
        Ok(())
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
                Listener::Socket(inode) => Some(inode),
                Listener::Unknown => connect(*candidate, deadline).ok().map(|_| None)?,
            };
            Some(format!("{candidate} is listened on by {}", port_owner::of_socket(inode)))
        })
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        if let (true, Some(candidate)) = (self.is_inherited, self.candidates.first().copied()) {
            return Ok(self.poll_inherited(candidate, attempt.deadline()));
        }
        let mut seen = String::new();
        for candidate in self.candidates.clone() {
            match self.connect(candidate, attempt)? {
                Ok(_) => return Ok(Poll::Ready(Found::at(candidate))),
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
            Some(format!(
                "no process listens at {}: is that the address in the command, its variables or its \
                 configuration? If it only needs longer, give it a longer `timeout`",
                self.address
            ))
        } else {
            None
        };
        Explanation { seen: None, help }
    }
}
