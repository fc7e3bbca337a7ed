//! A TCP port that accepts connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Found, Readiness, owner};
use crate::address::Address;
use crate::error::{Error, Result};
use crate::port;
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
}

impl Tcp {
    pub(super) fn new(address: &str, listens: &[SocketAddr]) -> Result<Self> {
        let parsed = Address::parse(address).map_err(Error::invalid)?;
        Self::at(&parsed, listens)
    }

    /// One address, found at the process itself.
    pub(super) fn of(address: SocketAddr) -> Self {
        Self {
            address: address.to_string(),
            candidates: vec![address],
            answered: None,
            is_handed: false,
            pending: None,
        }
    }

    pub(super) fn at(address: &Address, listens: &[SocketAddr]) -> Result<Self> {
        let candidates = port::resolve(address)?.into_iter().map(reachable).collect();
        let is_handed = listens.iter().any(|listens| listens.port() == address.number());
        if is_handed && sys::listeners().is_none() {
            let what = format!(
                "{address} accepts before the process does, and this system does not tell the \
                 difference; wait for `http`, `output` or `notify`"
            );
            return Err(Error::invalid(what));
        }
        let address = address.to_string();
        Ok(Self { address, candidates, answered: None, is_handed, pending: None })
    }

    pub(super) fn answered(&self) -> Option<SocketAddr> {
        self.answered
    }

    /// Whether the process accepts where the kernel does so in its place: a connection is made, and
    /// has to be taken out of the line of those who wait.
    fn look_behind(&mut self, candidate: SocketAddr, deadline: Instant) -> Readiness {
        if self.pending.is_none() {
            match open(candidate, deadline) {
                Ok(stream) => self.pending = Some(stream),
                Err(error) => return Readiness::NotYet(format!("{candidate}: {}", reason(&error))),
            }
        }
        if sys::waiting_connections(candidate) == Some(0) {
            self.pending = None;
            return Readiness::Ready;
        }
        Readiness::NotYet(format!("{candidate}: a connection waits to be accepted"))
    }

    /// Whether the address accepts a connection of our process.
    fn look(&self, candidate: SocketAddr, attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        match listener(candidate) {
            Listener::Nobody => Ok(Err(io::ErrorKind::ConnectionRefused.into())),
            Listener::Unknown => Ok(connect(candidate, attempt.deadline())),
            Listener::Socket(inode) => {
                let connected = connect(candidate, attempt.deadline());
                if connected.is_ok() {
                    owner::check(inode, &candidate.to_string(), attempt.client)?;
                }
                Ok(connected)
            }
        }
    }
}

impl Condition for Tcp {
    fn what(&self) -> String {
        format!("a TCP connection to {}", self.address)
    }

    fn holds_already(&mut self) -> Option<String> {
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
            Some(format!("{candidate} is listened on by {}", owner::describe_holder(inode)))
        })
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        if let (true, Some(candidate)) = (self.is_handed, self.candidates.first().copied()) {
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

    fn found(&self) -> Found {
        Found { addr: self.answered, url: None }
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
    if address.ip().is_loopback() { sys::listener(address) } else { Listener::Unknown }
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
