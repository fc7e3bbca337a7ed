//! Unix sockets, and descriptors that are sent over them.

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc::{self, c_int};

use super::fds::retry;
use super::messages::{fds_in, receive_message, send_message};
use super::socket::{SocketAddress, adopt, connect, kind, socket};
use crate::sys::platform;

/// The largest number of descriptors in one message of ours.
pub(crate) const FDS_MAX: usize = 8;

/// Returns true if a descriptor is a socket.
pub(crate) fn is_socket(fd: &impl AsFd) -> bool {
    kind(fd).is_ok()
}

/// Sends `bytes` with descriptors in one message.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let sent = retry(|| send_message(stream.as_raw_fd(), bytes, fds))?;
    // All frames have one length, so the free space of the buffer is a multiple of it.
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives up to `bytes.len()` bytes and the attached descriptors, without waiting for them.
pub(crate) fn receive(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut fds = Vec::new();
    let take = &mut |kind, content: &[u8]| {
        if kind == libc::SCM_RIGHTS {
            fds.extend(fds_in(content).map(adopt));
        }
    };
    let length = receive_message(stream.as_raw_fd(), bytes, libc::MSG_DONTWAIT, take)?;
    Ok((length, fds))
}

/// The number of datagrams that are received in a row, so that an endless sender cannot stall the loop.
pub(crate) const DATAGRAMS_AT_ONCE: usize = 1024;

/// Binds a datagram socket to a path that every user can send to.
pub(crate) fn bind_datagram(path: &Path) -> io::Result<OwnedFd> {
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    platform::enable_credentials(&socket);
    // A server that changes its user still has to reach it.
    fs::set_permissions(path, Permissions::from_mode(0o777))?;
    Ok(socket.into())
}

/// Connects to a Unix socket without waiting: a full backlog is `WouldBlock`. A path that begins with
/// `@` is an abstract name.
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "HTTP alone needs it"))]
pub(crate) fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    Ok(connect_as(libc::SOCK_STREAM, path)?)
}

/// Connects to a Unix socket of any type, which sends nothing to one that takes datagrams.
pub(crate) fn connect_any_unix(path: &Path) -> io::Result<UnixStream> {
    let kinds = [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET];
    let mut connected = kinds.into_iter().map(|kind| connect_as(kind, path));
    let connected = connected.find(|connected| !matches!(connected, Err(Errno::EPROTOTYPE)));
    Ok(connected.unwrap_or(Err(Errno::EPROTOTYPE))?)
}

fn connect_as(kind: c_int, path: &Path) -> nix::Result<UnixStream> {
    let socket = socket(libc::AF_UNIX, kind, 0)?;
    fcntl(&socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let address = match abstract_name(path) {
        Some(name) => platform::abstract_address(name)?,
        None => SocketAddress::file(path)?,
    };
    if kind == libc::SOCK_DGRAM {
        platform::bind_to_any_name(&socket);
    }
    connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

/// Returns the abstract name that is written `@name`. The path of a file begins in another way.
pub(crate) fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// Sends bytes over a connected socket of any type, with descriptors that come with the first of them. Those
/// of a datagram are one message, even none.
pub(crate) fn send_all(
    socket: &impl AsRawFd,
    bytes: &[u8],
    mut fds: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut rest = bytes;
    loop {
        let sent = retry(|| send_message(socket.as_raw_fd(), rest, fds))?;
        (rest, fds) = (&rest[sent..], &[]);
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// Returns true if a socket has a stream of bytes, and no messages.
pub(crate) fn is_stream(socket: &impl AsFd) -> bool {
    kind(socket).is_ok_and(|kind| kind == libc::SOCK_STREAM)
}
