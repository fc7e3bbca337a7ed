//! Ports that nobody else gets.
//!
//! A port is bound, with `SO_REUSEADDR`, and not listened on. The kernel then gives it to nobody
//! who asks for any port, refuses connections to it, and still lets a server bind it that sets
//! `SO_REUSEADDR`, as servers do. The supervisor keeps the sockets as long as the process lives.
//!
//! A server that does not set it gets a port that the kernel gives to nobody by itself, and that is
//! kept from other processes of ours by a locked file.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, bind, getsockname, setsockopt,
    socket, sockopt,
};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::sys;

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
}

/// Which way a port is kept from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Held,
    Locked,
}

/// Below these, services have their ports; from the other on, the kernel gives them to whoever asks
/// for any.
const LOCKED_PORTS: Range<u16> = 10_000..32_768;

impl Hold {
    /// Locks a free port in a folder that this user's other processes look into too.
    pub(crate) fn locked(folder: &Path) -> io::Result<Self> {
        let count = u32::from(LOCKED_PORTS.end - LOCKED_PORTS.start);
        // Whoever begins elsewhere finds a free one at once.
        let first = std::process::id().wrapping_mul(97) % count;
        for step in 0..count {
            let port = LOCKED_PORTS.start + ((first + step) % count) as u16;
            let mut options = File::options();
            let options = options.create(true).append(true).custom_flags(libc::O_NOFOLLOW);
            let file = options.open(folder.join(port.to_string()))?;
            // The lock lives as long as a copy of the descriptor, also in another process.
            if sys::try_lock(&file) && is_free(port) {
                return Ok(Self { port, sockets: vec![file.into()] });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

/// Whether a server could listen at all addresses of this port.
fn is_free(port: u16) -> bool {
    let free = |family, address: &dyn SockaddrLike| {
        let socket = socket(family, SockType::Stream, sys::SOCKET_FLAGS, None);
        match socket.and_then(|socket| bind(socket.as_raw_fd(), address)) {
            // A machine without IPv6 has nobody on its IPv6 ports.
            Ok(()) | Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => true,
            Err(_) => false,
        }
    };
    let v4 = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    let v6 = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0));
    free(AddressFamily::Inet, &v4) && free(AddressFamily::Inet6, &v6)
}

fn with_v6(v4: OwnedFd, port: u16) -> nix::Result<Hold> {
    let v6 = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0));
    match held(AddressFamily::Inet6, &v6) {
        Ok(v6) => Ok(Hold { port, sockets: vec![v4, v6] }),
        Err(Errno::EADDRINUSE) => Err(Errno::EADDRINUSE),
        // A machine without IPv6 has nobody to keep it from.
        Err(_) => Ok(Hold { port, sockets: vec![v4] }),
    }
}

fn hold_v4(port: u16) -> nix::Result<OwnedFd> {
    held(AddressFamily::Inet, &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))
}

fn held(family: AddressFamily, address: &dyn SockaddrLike) -> nix::Result<OwnedFd> {
    let socket = socket(family, SockType::Stream, sys::SOCKET_FLAGS, None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    bind(socket.as_raw_fd(), address)?;
    Ok(socket)
}

/// `localhost` is both families, whatever the resolver says.
pub(crate) fn resolve(address: &Address) -> Result<Vec<SocketAddr>> {
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
    Ok(resolved)
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
    fn a_locked_port_is_locked_until_its_descriptor_is_closed() {
        let folder =
            std::env::temp_dir().join(format!("mirakuru-port-test-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let first = Hold::locked(&folder).unwrap();
        let second = Hold::locked(&folder).unwrap();
        assert_ne!(first.port, second.port);
        let port = first.port;
        drop(first);
        assert_eq!(Hold::locked(&folder).unwrap().port, port);
        std::fs::remove_dir_all(folder).unwrap();
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
}
