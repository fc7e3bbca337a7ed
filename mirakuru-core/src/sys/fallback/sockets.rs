//! The functions of `linux/` about sockets.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

use super::file_identity;
use crate::sys::unix::SocketAddress;
use crate::sys::{BoundSocket, Listener};

pub(crate) const SOCKET_FLAGS: libc::c_int = 0;

pub(crate) const SEND_FLAGS: libc::c_int = 0;

pub(crate) const RECEIVE_FLAGS: libc::c_int = 0;

pub(crate) fn enable_credentials(_socket: &impl AsFd) {}

pub(crate) fn receive_datagram(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Option<Peer>)> {
    // Descriptors that come with it are closed by the kernel.
    Ok((nix::unistd::read(socket, bytes)?, None))
}

pub(crate) struct Peer {
    pub(crate) pid: i32,
    pub(crate) user: u32,
}

impl Peer {
    pub(crate) fn of(_stream: &UnixStream) -> Option<Self> {
        None
    }

    pub(crate) fn belongs_to(&self, _supervisor: i32) -> bool {
        true
    }
}

pub(crate) fn peer_pid(_stream: &UnixStream) -> Option<i32> {
    None
}

pub(crate) fn peer_user(_stream: &UnixStream) -> Option<u32> {
    None
}

pub(crate) const HAS_ABSTRACT_NAMES: bool = false;

pub(crate) fn abstract_address(_name: &[u8]) -> nix::Result<SocketAddress> {
    Err(Errno::EAFNOSUPPORT)
}

pub(crate) struct UnixPlace {
    path: PathBuf,
}

impl UnixPlace {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|_| Self { path: path.to_owned() })
    }

    pub(crate) fn sockets(&self) -> Option<Vec<BoundSocket>> {
        None
    }

    pub(crate) fn is_open(&self, _socket: &BoundSocket) -> bool {
        false
    }

    pub(crate) fn identity(&self) -> Option<(u64, i64, i64)> {
        file_identity(&self.path)
    }

    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        crate::sys::connect_any_unix(&self.path)
    }
}

pub(crate) fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    None
}

pub(crate) fn listener(_address: SocketAddr) -> Listener {
    Listener::Unknown
}

#[derive(Default)]
pub(crate) struct ListenerFinder;

impl ListenerFinder {
    pub(crate) fn find(&mut self, address: SocketAddr) -> Listener {
        listener(address)
    }

    pub(crate) fn at_port(&mut self, _port: u16) -> Option<Vec<(SocketAddr, u64)>> {
        None
    }
}

pub(crate) fn listeners() -> Option<Vec<(SocketAddr, u64)>> {
    None
}

pub(crate) fn udp_socket(_address: SocketAddr) -> Listener {
    Listener::Unknown
}

pub(crate) fn udp_sockets(_port: Option<u16>) -> Option<Vec<(SocketAddr, u64)>> {
    None
}

pub(crate) fn bind_to_any_name(_socket: &impl AsRawFd) {}

pub(crate) fn is_accepted(_stream: &TcpStream) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}
