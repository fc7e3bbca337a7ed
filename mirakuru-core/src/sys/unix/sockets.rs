//! Unix sockets, and descriptors that are sent over them.

use std::fs::{self, Permissions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockType, UnixAddr, connect,
    getsockopt, recvmsg, sendmsg, socket, sockopt,
};

use super::fds::retry;
use crate::sys::platform;

/// The largest number of descriptors in one message of ours.
pub(crate) const FDS_MAX: usize = 8;

/// Returns true if a descriptor is a socket.
pub(crate) fn is_socket(fd: &impl AsFd) -> bool {
    getsockopt(&fd.as_fd(), sockopt::SockType).is_ok()
}

/// Sends `bytes` with descriptors in one message.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let parts = [IoSlice::new(bytes)];
    let sent =
        retry(|| sendmsg::<()>(stream.as_raw_fd(), &parts, control, platform::SEND_FLAGS, None))?;
    // All frames have one length, so the free space of the buffer is a multiple of it.
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives up to `bytes.len()` bytes and the attached descriptors, without waiting for them.
pub(crate) fn receive(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = nix::cmsg_space!([RawFd; FDS_MAX]);
    let mut buffers = [IoSliceMut::new(bytes)];
    let flags = platform::RECEIVE_FLAGS | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut buffers, Some(&mut space), flags)?;
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            fds.extend(raw.into_iter().map(adopt));
        }
    }
    Ok((message.bytes, fds))
}

fn adopt(raw: RawFd) -> OwnedFd {
    // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    let _ = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)); // An open descriptor takes the flag.
    fd
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
pub(crate) fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    Ok(connect_as(SockType::Stream, path)?)
}

/// Connects to a Unix socket of any type, which sends nothing to one that takes datagrams.
pub(crate) fn connect_any_unix(path: &Path) -> io::Result<UnixStream> {
    let kinds = [SockType::Stream, SockType::Datagram, SockType::SeqPacket];
    let mut connected = kinds.into_iter().map(|kind| connect_as(kind, path));
    let connected = connected.find(|connected| !matches!(connected, Err(Errno::EPROTOTYPE)));
    Ok(connected.unwrap_or(Err(Errno::EPROTOTYPE))?)
}

fn connect_as(kind: SockType, path: &Path) -> nix::Result<UnixStream> {
    let socket = socket(AddressFamily::Unix, kind, platform::SOCKET_FLAGS, None)?;
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let address = match abstract_name(path) {
        Some(name) => platform::abstract_address(name)?,
        None => UnixAddr::new(path)?,
    };
    if kind == SockType::Datagram {
        platform::bind_to_any_name(&socket);
    }
    connect(socket.as_raw_fd(), &address)?;
    Ok(UnixStream::from(socket))
}

/// Returns the abstract name that is written `@name`. The path of a file begins in another way.
pub(crate) fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// Sends bytes over a connected socket of any type. Those of a datagram are one message, even none.
pub(crate) fn send_all(socket: &impl AsRawFd, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    loop {
        let raw = socket.as_raw_fd();
        let sent = retry(|| nix::sys::socket::send(raw, rest, platform::SEND_FLAGS))?;
        rest = &rest[sent..];
        if rest.is_empty() {
            return Ok(());
        }
    }
}

/// Returns true if a socket has a stream of bytes, and no messages.
pub(crate) fn is_stream(socket: &impl AsFd) -> bool {
    getsockopt(socket, sockopt::SockType).is_ok_and(|kind| kind == SockType::Stream)
}
