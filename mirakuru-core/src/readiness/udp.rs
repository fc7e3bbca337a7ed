//! A UDP port that a socket of the process is bound to.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Conflict, Explanation, Found, Poll, Requirements, StartContext,
};
use super::identity::Identity;
use super::settle::{Certainty, Judge, Seat};
use super::tcp::{is_of_this_machine, reachable, sharing_address, udp_socket_to};
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::resources::ports;
use crate::syntax::address::{Address, Port};
use crate::sys::{self, Listener, ListeningSocket};

/// The time in which the kernel refuses a datagram to a port without a socket.
const REFUSAL: Duration = Duration::from_millis(20);

/// The address, `host:port`, with placeholders.
#[derive(Debug)]
pub(crate) struct UdpSpec(pub(crate) String);

impl ConditionSpec for UdpSpec {
    fn key(&self) -> &'static str {
        "udp"
    }

    fn templates(&self) -> Vec<&str> {
        vec![&self.0]
    }

    fn requirements(&self) -> Requirements {
        Requirements::by_network()
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(&self.0);
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let address = context.values.render(&self.0)?;
        let address = context.located(Address::parse_udp(&address).map_err(Error::invalid)?);
        Ok(Box::new(Udp::at(&address, context)?))
    }
}

pub(super) struct Udp {
    address: String,
    /// The socket addresses of the host. A socket of the process has to be bound to one of them.
    candidates: Vec<SocketAddr>,
    judge: Judge,
    /// The server was not started here.
    is_external: bool,
}

impl Udp {
    pub(super) fn at(address: &Address, context: &StartContext<'_>) -> Result<Self> {
        debug_assert_ne!(address.port, Port::Any);
        Ok(Self {
            address: address.to_string(),
            candidates: ports::resolve(address)?.into_iter().map(reachable).collect(),
            judge: Judge::new(context, Certainty::Stays),
            is_external: context.external.is_some(),
        })
    }

    /// Returns true if a socket is bound to an address, and fails if it is that of another process.
    fn look(&mut self, candidate: SocketAddr, attempt: &Attempt<'_>) -> Result<bool> {
        match find(candidate) {
            _ if self.is_external => Ok(is_taken(candidate)),
            Listener::None => Ok(false),
            Listener::Unknown => Ok(is_taken(candidate)),
            Listener::Socket(socket) => {
                let judged = self.judge.judge(&Bound { candidate, socket }, attempt)?;
                Ok(judged.is_ok())
            }
        }
    }
}

/// Returns the socket that is bound to an address. It is unknown for addresses of other machines.
fn find(address: SocketAddr) -> Listener {
    match sys::udp_socket(address) {
        Listener::Socket(_) | Listener::None
            if !address.ip().is_loopback() && !is_of_this_machine(address) =>
        {
            Listener::Unknown
        }
        found => found,
    }
}

/// Returns true if the kernel does not refuse an empty datagram. Only a system that does not report
/// its sockets is asked in this way, and a server that was not started here.
fn is_taken(address: SocketAddr) -> bool {
    let refused = || {
        let socket = udp_socket_to(address)?;
        socket.set_read_timeout(Some(REFUSAL))?;
        socket.send(&[])?;
        socket.recv(&mut [0]).map(drop)
    };
    match refused() {
        Ok(()) => true,
        Err(error) => matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
    }
}

/// A socket that is bound to an address.
struct Bound {
    candidate: SocketAddr,
    socket: ListeningSocket,
}

impl Seat for Bound {
    fn socket(&self) -> ListeningSocket {
        self.socket
    }

    fn place(&self) -> String {
        format!("UDP {}", self.candidate)
    }

    fn taken(&self) -> String {
        format!("{} is bound", self.place())
    }

    fn is_taken(&self) -> bool {
        let now = find(self.candidate);
        matches!(now, Listener::Socket(now) if now.inode == self.socket.inode)
    }

    /// Returns the sockets that share the address by `SO_REUSEADDR` or `SO_REUSEPORT`: one of them
    /// gets a datagram.
    fn sharing(&self) -> Vec<u64> {
        let at_port = sys::udp_sockets(Some(self.candidate.port())).unwrap_or_default();
        sharing_address(at_port, self.socket.inode)
    }

    /// Does nothing: there are no connections.
    fn connect(&self, _attempt: &Attempt<'_>) -> Result<io::Result<()>> {
        Ok(Ok(()))
    }
}

impl Condition for Udp {
    fn describe(&self) -> String {
        format!("a UDP socket at {}", self.address)
    }

    fn precheck(&mut self) -> Option<Conflict> {
        self.candidates.iter().find_map(|candidate| {
            let (pid, owner) = match find(*candidate) {
                Listener::Socket(socket) => {
                    let pid = sys::socket_owner(socket.inode);
                    (pid, port_owner::of_socket(pid))
                }
                Listener::Unknown if candidate.ip().is_loopback() && is_taken(*candidate) => {
                    (None, "another process".to_owned())
                }
                _ => return None,
            };
            Some(Conflict { why: format!("UDP {candidate} is bound by {owner}"), pid })
        })
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        for candidate in self.candidates.clone() {
            if self.look(candidate, attempt)? {
                return Ok(Poll::Ready(Found::at(candidate)));
            }
        }
        Ok(Poll::pending(format!("no socket is bound to UDP {}", self.address)))
    }

    fn explain(&self) -> Explanation {
        let is_tcp = |it: &SocketAddr| matches!(sys::listener(*it), Listener::Socket(_));
        let is_free = |it: &SocketAddr| find(*it) == Listener::None;
        let help = if self.candidates.iter().any(is_tcp) {
            Some(format!("a process listens at {} for TCP: wait for `tcp`", self.address))
        } else if self.candidates.iter().all(is_free) {
            Some(format!(
                "no socket is bound to UDP {}: is that the address in the command, its variables or \
                 its configuration? If it only needs longer, give it a longer `timeout`",
                self.address
            ))
        } else {
            None
        };
        Explanation { seen: None, help }
    }
}
