//! Sockets: flags, and the listener at an address.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use nix::libc::{self, c_int};

use super::netlink::Netlink;
use super::peer::credentials;
use super::sock_diag;
use crate::sys::Listener;
use crate::sys::unix::{SocketAddress, bind};

/// Makes sockets close at `exec`.
pub(crate) const SOCKET_FLAGS: c_int = libc::SOCK_CLOEXEC;

/// Turns SIGPIPE into an error.
pub(crate) const SEND_FLAGS: c_int = libc::MSG_NOSIGNAL;

/// Makes received descriptors close at `exec`, without a moment in which a child could inherit them.
pub(crate) const RECEIVE_FLAGS: c_int = libc::MSG_CMSG_CLOEXEC;

/// Returns the process at the other end of a Unix connection.
pub(crate) fn peer_pid(stream: &UnixStream) -> Option<i32> {
    // The kernel writes 0 for a process that is not in this PID namespace.
    credentials(stream).map(|peer| peer.pid).filter(|pid| *pid != 0)
}

/// Returns the user of the process at the other end of a Unix connection.
pub(crate) fn peer_user(stream: &UnixStream) -> Option<u32> {
    credentials(stream).map(|peer| peer.uid)
}

/// Returns the range of ports that the kernel assigns to sockets that are bound to port 0.
pub(crate) fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

/// Finds the listener at a TCP address, without a connection.
pub(crate) fn listener(address: SocketAddr) -> Listener {
    ListenerFinder::default().find(address)
}

/// Finds listeners again and again in the network namespace of the first look.
#[derive(Default)]
pub(crate) struct ListenerFinder(Option<Netlink>);

impl ListenerFinder {
    /// Finds the listener at a TCP address, without a connection.
    pub(crate) fn find(&mut self, address: SocketAddr) -> Listener {
        self.ask(|netlink| sock_diag::listener(netlink, address)).unwrap_or(Listener::Unknown)
    }

    /// Returns the addresses of the listening sockets at a port, with their inodes.
    pub(crate) fn at_port(&mut self, port: u16) -> Option<Vec<(SocketAddr, u64)>> {
        self.ask(|netlink| sock_diag::listeners(netlink, Some(port)))
    }

    fn ask<T>(&mut self, question: impl FnOnce(&Netlink) -> io::Result<T>) -> Option<T> {
        let netlink = self.0.take().or_else(|| Netlink::open().ok())?;
        let answer = question(&netlink).ok()?;
        self.0 = Some(netlink); // After an error, it is of no use.
        Some(answer)
    }
}

/// Returns the addresses of the listening sockets, with their inodes.
pub(crate) fn listeners() -> Option<Vec<(SocketAddr, u64)>> {
    sock_diag::listeners(&Netlink::open().ok()?, None).ok()
}

/// Finds the socket that takes datagrams to a UDP address.
pub(crate) fn udp_socket(address: SocketAddr) -> Listener {
    sock_diag::udp_socket(address).unwrap_or(Listener::Unknown)
}

/// Returns the addresses of the UDP sockets that are not connected, at a port or at all, with their inodes.
pub(crate) fn udp_sockets(port: Option<u16>) -> Option<Vec<(SocketAddr, u64)>> {
    sock_diag::udp_sockets(port).ok()
}

/// Gives a Unix socket a name by which others can reply.
pub(crate) fn bind_to_any_name(socket: &impl AsRawFd) {
    let _ = bind(socket, &SocketAddress::any_name()); // A socket without one gets no reply.
}

/// Returns true if the listener has accepted the connection.
pub(crate) fn is_accepted(stream: &TcpStream) -> io::Result<bool> {
    sock_diag::is_accepted(stream.peer_addr()?, stream.local_addr()?)
}
