//! Listening sockets: what the kernel knows of them, and connections to them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use crate::sys::{Listener, ListenerFinder};

/// The time limit of one connection. A full backlog never answers.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Returns the address by which a server is reached that listens at `address`: the loopback address
/// for all addresses.
pub(in crate::readiness) fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// Returns what listens at an address. It is unknown for addresses of other machines.
pub(super) fn find(address: SocketAddr) -> Listener {
    find_by(&mut ListenerFinder::default(), address)
}

/// The same for one look of many.
pub(super) fn find_by(finder: &mut ListenerFinder, address: SocketAddr) -> Listener {
    if address.ip().is_loopback() {
        return finder.find(address);
    }
    match finder.find(address) {
        Listener::Socket(socket) if is_of_this_machine(address) => Listener::Socket(socket),
        // A packet filter may redirect connections.
        _ => Listener::Unknown,
    }
}

/// Returns those of all sockets that share the address of this one by `SO_REUSEPORT` or `SO_REUSEADDR`.
/// The kernel divides what arrives among them, whichever process owns them.
pub(in crate::readiness) fn sharing_address(all: Vec<(SocketAddr, u64)>, inode: u64) -> Vec<u64> {
    let bound = all.iter().find(|(_, it)| *it == inode).map(|(address, _)| *address);
    let shares = |(address, it): &(SocketAddr, u64)| Some(*address) == bound && *it != inode;
    all.into_iter().filter(shares).map(|(_, it)| it).collect()
}

/// Returns true if what is sent to the address stays on this machine. The kernel then uses it as the
/// source address, too. Nothing is sent to find that out.
pub(in crate::readiness) fn is_of_this_machine(address: SocketAddr) -> bool {
    let source = udp_socket_to(address).and_then(|socket| socket.local_addr());
    source.is_ok_and(|source| source.ip() == address.ip())
}

/// Returns a UDP socket that is connected to an address. Nothing is sent.
pub(in crate::readiness) fn udp_socket_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    Ok(socket)
}

/// Connects to an address.
pub(super) fn connect(address: SocketAddr, deadline: Instant) -> io::Result<TcpStream> {
    let left = deadline.saturating_duration_since(Instant::now()).min(CONNECT_TIMEOUT);
    let stream = TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1)))?;
    // A connection to a free ephemeral port can connect to itself.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(refused());
    }
    Ok(stream)
}

/// Returns the error of a connection to an address where no process listens.
pub(super) fn refused() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// Says why a connection failed.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "a process listens but does not accept".to_owned(),
        _ => error.to_string(),
    }
}
