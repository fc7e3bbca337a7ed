//! A TCP port that accepts connections.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Found, Readiness, owner};
use crate::address::Address;
use crate::error::{Error, Result};
use crate::sys::{self, Listener};

/// How long one connection may take. A full backlog answers never.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Tcp {
    address: String,
    candidates: Vec<SocketAddr>,
    answered: Option<SocketAddr>,
}

impl Tcp {
    pub(super) fn new(address: &str) -> Result<Self> {
        let parsed = Address::parse(address).map_err(Error::invalid)?;
        Self::at(&parsed)
    }

    pub(super) fn at(address: &Address) -> Result<Self> {
        let candidates = resolve(address)?;
        Ok(Self { address: address.to_string(), candidates, answered: None })
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

/// `localhost` is both families, whatever the resolver says.
fn resolve(address: &Address) -> Result<Vec<SocketAddr>> {
    let Address { host, .. } = address;
    let port = address.number();
    let resolved: Vec<SocketAddr> = if host.eq_ignore_ascii_case("localhost") {
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    } else {
        (host.as_str(), port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
    };
    if resolved.is_empty() {
        return Err(Error::invalid(format!("the host name `{host}` does not resolve")));
    }
    Ok(resolved.into_iter().map(reachable).collect())
}

/// A server that listens on all addresses is reached on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
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
    let left = deadline.saturating_duration_since(Instant::now()).min(CONNECT_TIMEOUT);
    let stream = TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1)))?;
    // A connection to a free ephemeral port can meet itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(())
}
