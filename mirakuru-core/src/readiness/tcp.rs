//! A TCP port that accepts connections.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Endpoint, Readiness, ownership};
use crate::diagnostics::events;
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::resources::ports;
use crate::supervisor::Client;
use crate::syntax::address::Address;
use crate::sys::{self, Listener};

/// How long one connection may take. A full backlog answers never.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Tcp {
    address: String,
    candidates: Vec<SocketAddr>,
    answered: Option<SocketAddr>,
    /// Whether the process is handed a socket that listens there already.
    is_handed: bool,
    /// A connection that the process has not accepted yet.
    pending: Option<TcpStream>,
    /// Whether those who watch know that nobody can tell whose the listener is.
    is_told: Cell<bool>,
}

impl Tcp {
    /// One address, found at the process itself.
    pub(super) fn of(address: SocketAddr) -> Self {
        Self::with(address.to_string(), vec![address], false)
    }

    pub(super) fn at(address: &Address, listens: &[SocketAddr]) -> Result<Self> {
        let candidates = ports::resolve(address)?.into_iter().map(reachable).collect();
        let is_handed = listens.iter().any(|listens| listens.port() == address.number());
        if is_handed && sys::listeners().is_none() {
            let what = format!(
                "{address} accepts before the process does, and this system does not tell the \
                 difference; wait for `http`, `output` or `notify`"
            );
            return Err(Error::invalid(what));
        }
        Ok(Self::with(address.to_string(), candidates, is_handed))
    }

    fn with(address: String, candidates: Vec<SocketAddr>, is_handed: bool) -> Self {
        let (answered, is_told, pending) = (None, Cell::new(false), None);
        Self { address, candidates, answered, is_handed, pending, is_told }
    }

    /// Whether the process accepts where the kernel does so in its place: a connection is made, and
    /// has to be taken out of the line of those who wait.
    fn look_behind(&mut self, candidate: SocketAddr, deadline: Instant) -> Readiness {
        let stream = match self.pending.take().map_or_else(|| open(candidate, deadline), Ok) {
            Ok(stream) => stream,
            Err(error) => return Readiness::NotYet(format!("{candidate}: {}", reason(&error))),
        };
        if sys::is_accepted(&stream).unwrap_or(false) {
            return Readiness::Ready;
        }
        self.pending = Some(stream);
        Readiness::NotYet(format!("{candidate}: a connection waits to be accepted"))
    }

    /// Whether the address accepts a connection of our process.
    fn look(&self, candidate: SocketAddr, attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        let inode = match listener(candidate) {
            Listener::Nobody => return Ok(Err(io::ErrorKind::ConnectionRefused.into())),
            Listener::Unknown => None,
            Listener::Socket(inode) => Some(inode),
        };
        let connected = connect(candidate, attempt.deadline());
        if connected.is_ok() {
            let mut can_tell = ownership::is_ours(inode, candidate, attempt.client)?;
            for beside in inode.map_or(Vec::new(), listeners_beside) {
                can_tell &= ownership::is_ours(Some(beside), candidate, attempt.client)?;
            }
            if !can_tell {
                self.tell_not_judged(candidate, attempt.client);
            }
        }
        Ok(connected)
    }

    /// Once for each start, however often it is looked at.
    fn tell_not_judged(&self, candidate: SocketAddr, client: &Client) {
        if !self.is_told.replace(true) {
            events::not_judged(client.name(), client.state().main, candidate);
        }
    }
}

impl Condition for Tcp {
    fn what(&self) -> String {
        format!("a TCP connection to {}", self.address)
    }

    fn precheck(&mut self) -> Option<String> {
        if self.is_handed {
            // At a restart, it is our own socket that listens.
            return None;
        }
        let deadline = Instant::now() + CONNECT_TIMEOUT;
        self.candidates.iter().find_map(|candidate| {
            let inode = match listener(*candidate) {
                Listener::Nobody => return None,
                Listener::Socket(inode) => Some(inode),
                Listener::Unknown => connect(*candidate, deadline).ok().map(|()| None)?,
            };
            Some(format!("{candidate} is listened on by {}", port_owner::of_socket(inode)))
        })
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        if let (true, Some(candidate)) = (self.is_handed, self.candidates.first().copied()) {
            // One connection that was accepted is enough: the next look would make another, which no
            // server has accepted before it is looked at.
            if self.answered.is_some() {
                return Ok(Readiness::Ready);
            }
            let readiness = self.look_behind(candidate, attempt.deadline());
            self.answered = (readiness == Readiness::Ready).then_some(candidate);
            return Ok(readiness);
        }
        let mut last = String::new();
        for candidate in &self.candidates {
            match self.look(*candidate, attempt)? {
                Ok(()) => {
                    self.answered = Some(*candidate);
                    return Ok(Readiness::Ready);
                }
                Err(error) => last = format!("{candidate}: {}", reason(&error)),
            }
        }
        Ok(Readiness::NotYet(last))
    }

    fn way_out(&self) -> Option<String> {
        if self.is_handed {
            return Some(
                "the process is handed the socket, but does not accept: does it look at \
                 `LISTEN_FDS`, and is it what was started? A shell in front of it has to `exec` it"
                    .to_owned(),
            );
        }
        let all_refuse = self.candidates.iter().all(|it| listener(*it) == Listener::Nobody);
        all_refuse.then(|| {
            format!(
                "nobody listens at {}: is that what the command, its variables or its \
                 configuration say? If it only needs longer, give it a longer `timeout`",
                self.address
            )
        })
    }

    fn found(&self) -> Endpoint {
        Endpoint { addr: self.answered, url: None }
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "somebody listens but does not accept".to_owned(),
        _ => error.to_string(),
    }
}

/// A server that listens on all addresses is reached on the loopback one.
pub(super) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// The kernel tells of addresses of this machine only.
fn listener(address: SocketAddr) -> Listener {
    if address.ip().is_loopback() {
        return sys::listener(address);
    }
    match sys::listener(address) {
        Listener::Socket(inode) if is_of_this_machine(address) => Listener::Socket(inode),
        // A packet filter may lead somewhere else from here.
        _ => Listener::Unknown,
    }
}

/// The sockets that share the address of this one by `SO_REUSEPORT`. Each gets a part of the
/// connections, whoever has it.
fn listeners_beside(inode: u64) -> Vec<u64> {
    let all = sys::listeners().unwrap_or_default();
    let bound = all.iter().find(|(_, it)| *it == inode).map(|(address, _)| *address);
    let is_beside = |(address, it): &(SocketAddr, u64)| Some(*address) == bound && *it != inode;
    all.into_iter().filter(is_beside).map(|(_, it)| it).collect()
}

/// Whether what is sent to the address stays on this machine: then it is the sender's address too.
/// Nothing is sent to find that out.
fn is_of_this_machine(address: SocketAddr) -> bool {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0));
    let sender = socket.and_then(|socket| {
        socket.connect(address)?;
        socket.local_addr()
    });
    sender.is_ok_and(|sender| sender.ip() == address.ip())
}

fn connect(address: SocketAddr, deadline: Instant) -> io::Result<()> {
    open(address, deadline).map(drop)
}

fn open(address: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let left = deadline.saturating_duration_since(Instant::now()).min(CONNECT_TIMEOUT);
    let stream = TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1)))?;
    // A connection to a free ephemeral port can meet itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(stream)
}
