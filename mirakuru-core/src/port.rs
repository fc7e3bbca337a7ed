//! Ports that nobody else gets.
//!
//! A port is bound, with `SO_REUSEADDR`, and not listened on. The kernel then gives it to nobody
//! who asks for any port, refuses connections to it, and still lets a server bind it that sets
//! `SO_REUSEADDR`, as servers do. The supervisor keeps the sockets as long as the process lives.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, bind, getsockname,
    setsockopt, socket, sockopt,
};

/// How many ports are tried until one is free in both families.
const TRIES: usize = 64;

/// A port and the sockets that keep it.
pub(crate) struct Hold {
    pub(crate) port: u16,
    pub(crate) sockets: Vec<OwnedFd>,
}

impl Hold {
    /// Holds a free port on both loopback addresses.
    pub(crate) fn any() -> io::Result<Self> {
        let mut last = Errno::EADDRINUSE;
        for _ in 0..TRIES {
            let v4 = hold_v4(0)?;
            let address: SockaddrIn = getsockname(v4.as_raw_fd())?;
            match with_v6(v4, address.port()) {
                Ok(hold) => return Ok(hold),
                Err(errno) => last = errno,
            }
        }
        Err(last.into())
    }

    /// Holds a port that was held before.
    pub(crate) fn again(port: u16) -> io::Result<Self> {
        Ok(with_v6(hold_v4(port)?, port)?)
    }
}

fn with_v6(v4: OwnedFd, port: u16) -> Result<Hold, Errno> {
    let v6 = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0));
    match held(AddressFamily::Inet6, &v6) {
        Ok(v6) => Ok(Hold { port, sockets: vec![v4, v6] }),
        Err(Errno::EADDRINUSE) => Err(Errno::EADDRINUSE),
        // A machine without IPv6 has nobody to keep it from.
        Err(_) => Ok(Hold { port, sockets: vec![v4] }),
    }
}

fn hold_v4(port: u16) -> Result<OwnedFd, Errno> {
    held(AddressFamily::Inet, &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))
}

fn held(family: AddressFamily, address: &dyn SockaddrLike) -> Result<OwnedFd, Errno> {
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), address)?;
    Ok(socket)
}

/// The loopback address with this port that a server is expected at.
pub(crate) fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_held_port_can_be_listened_on_and_refuses_until_then() {
        for host in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
            let hold = Hold::any().unwrap();
            assert!(TcpStream::connect(("127.0.0.1", hold.port)).is_err());
            let server = TcpListener::bind((host, hold.port));
            assert!(server.is_ok(), "{host}: {server:?}");
        }
    }

    #[test]
    fn a_held_port_is_given_to_nobody_else() {
        let holds: Vec<_> = (0..64).map(|_| Hold::any().unwrap()).collect();
        let held: HashSet<_> = holds.iter().map(|hold| hold.port).collect();
        assert_eq!(held.len(), holds.len());
        let others: Vec<_> = (0..256).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        for other in &others {
            assert!(!held.contains(&other.local_addr().unwrap().port()));
        }
    }

    #[test]
    fn a_port_can_be_held_again() {
        let port = Hold::any().unwrap().port;
        assert_eq!(Hold::again(port).unwrap().port, port);
    }
}
