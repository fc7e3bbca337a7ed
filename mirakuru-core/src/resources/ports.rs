//! Ports that nobody else gets.
//!
//! A port is bound, with `SO_REUSEADDR`, and not listened on. The kernel then gives it to nobody
//! who asks for any port, refuses connections to it, and still lets a server bind it that sets
//! `SO_REUSEADDR`, as servers do. The supervisor keeps the sockets as long as the process lives.
//!
//! A server that does not set it gets a port that the kernel gives to nobody by itself, and that is
//! kept from other processes of ours by a locked file.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, bind, getsockname, setsockopt,
    socket, sockopt,
};

use crate::error::{Error, Result};
use crate::syntax::address::Address;
use crate::sys;

/// How many ports are tried until one is free in both families.
const TRIES: usize = 64;

/// A port and the sockets that keep it.
pub(crate) struct ReservedPort {
    pub(crate) port: u16,
    pub(crate) sockets: Vec<OwnedFd>,
}

impl ReservedPort {
    /// InheritedFds a free port on both loopback addresses.
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
pub(crate) enum Reservation {
    Bound,
    LockFile,
}

/// Below these, services have their ports.
const FIRST_LOCKED: u16 = 10_000;

/// What the kernel gives to whoever asks for any port, where it does not say.
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// How many ports to choose from are few.
const FEW: usize = 256;

impl ReservedPort {
    /// Locks a free port in a folder that this user's other processes look into too.
    pub(crate) fn locked(folder: &Path) -> io::Result<Self> {
        let ports = beside(&sys::ephemeral_ports().unwrap_or(USUAL_EPHEMERAL));
        // Nobody begins where another one has begun, so that nearly everybody finds one at once.
        let first = RandomState::new().build_hasher().finish() as usize % ports.len();
        let (before, after) = ports.split_at(first);
        Self::first_unlocked(folder, after.iter().chain(before))
    }

    fn first_unlocked<'a>(folder: &Path, ports: impl Iterator<Item = &'a u16>) -> io::Result<Self> {
        for &port in ports {
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

/// The ports that the kernel gives to nobody by itself, as far as there are any.
fn beside(ephemeral: &RangeInclusive<u16>) -> Vec<u16> {
    let outside = |ports: RangeInclusive<u16>| ports.filter(|port| !ephemeral.contains(port));
    let mut ports: Vec<_> = outside(FIRST_LOCKED..=u16::MAX).collect();
    if ports.len() < FEW {
        ports.extend(outside(1024..=FIRST_LOCKED - 1));
    }
    if ports.is_empty() { (FIRST_LOCKED..=u16::MAX).collect() } else { ports }
}

/// Whether a server could have this port at all addresses, for TCP and for UDP.
fn is_free(port: u16) -> bool {
    let free = |family, kind, address: &dyn SockaddrLike| {
        let socket = socket(family, kind, sys::SOCKET_FLAGS, None);
        match socket.and_then(|socket| bind(socket.as_raw_fd(), address)) {
            // A machine without IPv6 has nobody on its IPv6 ports.
            Ok(()) | Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => true,
            Err(_) => false,
        }
    };
    let v4 = SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    let v6 = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0));
    [SockType::Stream, SockType::Datagram]
        .into_iter()
        .all(|kind| free(AddressFamily::Inet, kind, &v4) && free(AddressFamily::Inet6, kind, &v6))
}

fn with_v6(v4: OwnedFd, port: u16) -> nix::Result<ReservedPort> {
    let v6 = SockaddrIn6::from(SocketAddrV6::new(Ipv6Addr::LOCALHOST, port, 0, 0));
    match held(AddressFamily::Inet6, &v6) {
        Ok(v6) => Ok(ReservedPort { port, sockets: vec![v4, v6] }),
        Err(Errno::EADDRINUSE) => Err(Errno::EADDRINUSE),
        // A machine without IPv6 has nobody to keep it from.
        Err(_) => Ok(ReservedPort { port, sockets: vec![v4] }),
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
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_held_port_can_be_listened_on_and_refuses_until_then() {
        for host in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
            let hold = ReservedPort::any().unwrap();
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
        let ports = beside(&sys::ephemeral_ports().unwrap_or(USUAL_EPHEMERAL));
        let lock = || ReservedPort::first_unlocked(&folder, ports.iter()).unwrap();
        let (first, second) = (lock(), lock());
        assert_ne!(first.port, second.port);
        let port = first.port;
        drop(first);
        assert_eq!(lock().port, port);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn locked_ports_are_those_that_the_kernel_gives_to_nobody() {
        let ends = |ephemeral| {
            let ports = beside(&ephemeral);
            (ports[0], ports[ports.len() - 1], ports.len())
        };
        assert_eq!(ends(32_768..=60_999), (10_000, 65_535, 22_768 + 4536));
        assert_eq!(ends(49_152..=65_535), (10_000, 49_151, 39_152));
        assert_eq!(ends(1024..=60_000), (60_001, 65_535, 5535));
        assert_eq!(ends(9000..=65_535), (1024, 8999, 7976));
        assert_eq!(ends(1024..=65_535), (10_000, 65_535, 55_536));
        assert_eq!(ends(1..=65_535), (10_000, 65_535, 55_536));
    }

    #[test]
    fn a_port_is_free_only_if_it_is_for_tcp_and_udp_in_both_families() {
        let folder = std::env::temp_dir().join(format!("mirakuru-free-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let free = ReservedPort::locked(&folder).unwrap();
        let port = free.port;
        assert!(is_free(port));
        for host in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
            let tcp = TcpListener::bind((host, port)).unwrap();
            assert!(!is_free(port), "{host}");
            drop(tcp);
            let udp = UdpSocket::bind((host, port)).unwrap();
            assert!(!is_free(port), "{host}");
            drop(udp);
        }
        assert!(is_free(port));
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_held_port_is_given_to_nobody_else() {
        let holds: Vec<_> = (0..64).map(|_| ReservedPort::any().unwrap()).collect();
        let held: HashSet<_> = holds.iter().map(|hold| hold.port).collect();
        assert_eq!(held.len(), holds.len());
        let others: Vec<_> = (0..256).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        for other in &others {
            assert!(!held.contains(&other.local_addr().unwrap().port()));
        }
    }
}
