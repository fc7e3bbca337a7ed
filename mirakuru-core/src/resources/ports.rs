//! Ports that are reserved for one process.
//!
//! A port is bound with `SO_REUSEADDR`, and not listened on. The kernel then assigns it to no other
//! socket, refuses connections to it, and still lets a server bind it that sets `SO_REUSEADDR`, as
//! servers do. The supervisor keeps the sockets open as long as the process lives.
//!
//! A server that does not set `SO_REUSEADDR` gets a port from outside the range that the kernel
//! assigns from. A locked file reserves that port among the processes of this user that use
//! mirakuru.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

use crate::error::{Error, Result};
use crate::syntax::address::Address;
use crate::sys;

/// The number of ports that are tried until one is free in both families.
const TRIES: usize = 64;

/// The ports below this one are left to well-known services.
const FIRST_LOCKED: u16 = 10_000;

/// The last port that a program takes which reads a signed number of 16 bits, such as Zabbix.
const LAST_LOW: u16 = i16::MAX as u16;

/// The ports that the kernel assigns by itself, where it does not tell.
const USUAL_EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// With fewer ports than this outside the ephemeral range, lower ones are used too.
const FEW: usize = 256;

/// The way in which a port is reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    /// A socket is bound to it.
    Bound,
    /// A file with its number is locked.
    LockFile,
    /// The same, for a number that fits into 15 bits.
    LowLockFile,
}

/// A port, and the descriptors that keep it reserved.
pub(crate) struct ReservedPort {
    pub(crate) port: u16,
    pub(crate) sockets: Vec<OwnedFd>,
}

impl ReservedPort {
    /// Reserves a free port.
    pub(crate) fn new(reservation: Reservation) -> Result<Self> {
        let reserved = match reservation {
            Reservation::Bound => Self::bound(),
            Reservation::LockFile => {
                locks_dir().and_then(|dir| Self::locked(&dir.file(""), u16::MAX))
            }
            Reservation::LowLockFile => {
                locks_dir().and_then(|dir| Self::locked(&dir.file(""), LAST_LOW))
            }
        };
        reserved.map_err(|e| Error::os("no free port", e))
    }

    /// Binds a free port on both loopback addresses.
    fn bound() -> io::Result<Self> {
        let mut last = Errno::EADDRINUSE;
        for _ in 0..TRIES {
            let v4 = TcpListener::from(sys::bind_reusable((Ipv4Addr::LOCALHOST, 0).into())?);
            let port = v4.local_addr()?.port();
            match with_v6(v4.into(), port) {
                Ok(reserved) => return Ok(reserved),
                Err(errno) => last = errno,
            }
        }
        Err(last.into())
    }

    /// Locks a free port, not above `last`, in a directory that is common to all processes of this user.
    fn locked(dir: &Path, last: u16) -> io::Result<Self> {
        let mut ports = outside(&sys::ephemeral_ports().unwrap_or(USUAL_EPHEMERAL));
        ports.retain(|port| *port <= last);
        if ports.is_empty() {
            ports = (FIRST_LOCKED..=last).collect(); // The kernel assigns all of them.
        }
        // Each process begins at a random port, so that most find a free one at once.
        let first = RandomState::new().build_hasher().finish() as usize % ports.len();
        let (before, after) = ports.split_at(first);
        Self::first_unlocked(dir, after.iter().chain(before))
    }

    fn first_unlocked<'a>(dir: &Path, ports: impl Iterator<Item = &'a u16>) -> io::Result<Self> {
        for &port in ports {
            let mut options = File::options();
            let options = options.create(true).append(true).custom_flags(libc::O_NOFOLLOW);
            let file = options.open(dir.join(port.to_string()))?;
            // The lock lives as long as any copy of the descriptor, also in another process.
            if sys::try_lock(&file) && is_free(port) {
                return Ok(Self { port, sockets: vec![file.into()] });
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

/// Returns the directory of the files that reserve ports.
fn locks_dir() -> io::Result<sys::PrivateDir> {
    let dir = std::env::temp_dir().join(format!("mirakuru-ports-{}", sys::effective_user()));
    sys::PrivateDir::create(&dir)
}

/// Returns the ports that the kernel does not assign by itself, or all if there are none.
fn outside(ephemeral: &RangeInclusive<u16>) -> Vec<u16> {
    let free = |ports: RangeInclusive<u16>| ports.filter(|port| !ephemeral.contains(port));
    let mut ports: Vec<_> = free(FIRST_LOCKED..=u16::MAX).collect();
    if ports.len() < FEW {
        ports.extend(free(1024..=FIRST_LOCKED - 1));
    }
    if ports.is_empty() { (FIRST_LOCKED..=u16::MAX).collect() } else { ports }
}

/// Returns true if a server can bind this port on all addresses, for TCP and for UDP.
fn is_free(port: u16) -> bool {
    let all = [IpAddr::from(Ipv4Addr::UNSPECIFIED), Ipv6Addr::UNSPECIFIED.into()];
    all.into_iter().all(|ip| match sys::try_bind((ip, port).into()) {
        // On a machine without IPv6, nothing can be bound there.
        Ok(()) | Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => true,
        Err(_) => false,
    })
}

fn with_v6(v4: OwnedFd, port: u16) -> nix::Result<ReservedPort> {
    match sys::bind_reusable((Ipv6Addr::LOCALHOST, port).into()) {
        Ok(v6) => Ok(ReservedPort { port, sockets: vec![v4, v6] }),
        Err(Errno::EADDRINUSE) => Err(Errno::EADDRINUSE),
        // On a machine without IPv6, there is nothing to reserve.
        Err(_) => Ok(ReservedPort { port, sockets: vec![v4] }),
    }
}

/// Returns the addresses of a host and port. `localhost` and the names below it are both loopback
/// addresses, whatever the resolver says.
pub(crate) fn resolve(address: &Address) -> Result<Vec<SocketAddr>> {
    let Address { host, .. } = address;
    let port = address.number();
    let resolved: Vec<SocketAddr> = if address.is_localhost() {
        vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
    } else {
        (host.as_str(), port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
    };
    if resolved.is_empty() {
        return Err(Error::invalid(format!("the host name `{host}` does not resolve")));
    }
    Ok(resolved.into_iter().map(unmapped).collect())
}

/// Returns an address of IPv4 that is written as one of IPv6, as `::ffff:127.0.0.1`, in its own form.
/// The kernel looks such a listener up by that only.
fn unmapped(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, address.port()),
        // An address of IPv6 may have a scope, too.
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn a_bound_port_refuses_connections_until_a_server_listens_on_it() {
        for host in ["127.0.0.1", "0.0.0.0", "::1", "::"] {
            let reserved = ReservedPort::bound().unwrap();
            assert!(TcpStream::connect(("127.0.0.1", reserved.port)).is_err());
            let server = TcpListener::bind((host, reserved.port));
            assert!(server.is_ok(), "{host}: {server:?}");
        }
    }

    #[test]
    fn a_locked_port_is_locked_until_its_descriptor_is_closed() {
        let dir = std::env::temp_dir().join(format!("mirakuru-port-test-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let ports = outside(&sys::ephemeral_ports().unwrap_or(USUAL_EPHEMERAL));
        let lock = || ReservedPort::first_unlocked(&dir, ports.iter()).unwrap();
        let (first, second) = (lock(), lock());
        assert_ne!(first.port, second.port);
        let port = first.port;
        drop(first);
        assert_eq!(lock().port, port);
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_low_port_fits_into_15_bits() {
        let low = ReservedPort::new(Reservation::LowLockFile).unwrap();
        assert!((1024..=32_767).contains(&low.port), "{}", low.port);
    }

    #[test]
    fn locked_ports_are_those_that_the_kernel_does_not_assign() {
        let ends = |ephemeral| {
            let ports = outside(&ephemeral);
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
        let dir = std::env::temp_dir().join(format!("mirakuru-free-{}", std::process::id()));
        std::fs::create_dir(&dir).unwrap();
        let free = ReservedPort::locked(&dir, u16::MAX).unwrap();
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
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_kernel_assigns_a_bound_port_to_no_other_socket() {
        let reserved: Vec<_> = (0..64).map(|_| ReservedPort::bound().unwrap()).collect();
        let held: HashSet<_> = reserved.iter().map(|reserved| reserved.port).collect();
        assert_eq!(held.len(), reserved.len());
        let others: Vec<_> = (0..256).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        for other in &others {
            assert!(!held.contains(&other.local_addr().unwrap().port()));
        }
    }
}
