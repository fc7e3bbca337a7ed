//! The calls that make sockets. `nix` has them behind features that bring two crates and take a third
//! of its time to build.

use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc::{self, c_int, c_void};

use crate::sys::platform;

/// The address of a socket, as the kernel reads it.
pub(crate) struct SocketAddress {
    storage: libc::sockaddr_storage,
    length: usize,
}

impl SocketAddress {
    fn new<T>(address: T) -> Self {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: all zeroes are a valid value.
        let mut storage: libc::sockaddr_storage = unsafe { mem::zeroed() };
        // SAFETY: the storage has the size and the alignment of every address.
        unsafe { (&raw mut storage).cast::<T>().write(address) };
        Self { storage, length: size_of::<T>() }
    }

    /// The address of a port.
    pub(crate) fn inet(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(address) => {
                // SAFETY: all zeroes are a valid value.
                let mut raw: libc::sockaddr_in = unsafe { mem::zeroed() };
                raw.sin_family = libc::AF_INET as _;
                raw.sin_port = address.port().to_be();
                raw.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
                Self::new(raw)
            }
            SocketAddr::V6(address) => {
                // SAFETY: all zeroes are a valid value.
                let mut raw: libc::sockaddr_in6 = unsafe { mem::zeroed() };
                raw.sin6_family = libc::AF_INET6 as _;
                raw.sin6_port = address.port().to_be();
                raw.sin6_addr.s6_addr = address.ip().octets();
                raw.sin6_scope_id = address.scope_id();
                Self::new(raw)
            }
        }
    }

    /// The address of a file.
    pub(super) fn file(path: &Path) -> nix::Result<Self> {
        Self::unix(path.as_os_str().as_bytes(), 1)
    }

    /// A name in the abstract namespace of Linux.
    #[cfg(all(target_os = "linux", not(mirakuru_fallback)))]
    pub(in crate::sys) fn abstract_name(name: &[u8]) -> nix::Result<Self> {
        Self::unix(&[b"\0", name].concat(), 0)
    }

    /// A name that Linux chooses.
    #[cfg(all(target_os = "linux", not(mirakuru_fallback)))]
    pub(in crate::sys) fn any_name() -> Self {
        let family = libc::AF_UNIX as libc::sa_family_t;
        Self::new(family)
    }

    /// The length counts `n_zeroes` behind the bytes.
    fn unix(bytes: &[u8], n_zeroes: usize) -> nix::Result<Self> {
        // SAFETY: all zeroes are a valid value.
        let mut raw: libc::sockaddr_un = unsafe { mem::zeroed() };
        raw.sun_family = libc::AF_UNIX as _;
        let length = bytes.len() + n_zeroes;
        let room = raw.sun_path.get_mut(..length).ok_or(Errno::ENAMETOOLONG)?;
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from as libc::c_char;
        }
        let length = mem::offset_of!(libc::sockaddr_un, sun_path) + length;
        Ok(Self { length, ..Self::new(raw) })
    }

    fn as_raw(&self) -> (*const libc::sockaddr, libc::socklen_t) {
        ((&raw const self.storage).cast(), self.length as libc::socklen_t)
    }
}

/// Makes a socket that is closed at `exec`.
pub(in crate::sys) fn socket(family: c_int, kind: c_int, protocol: c_int) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes numbers alone.
    let raw = unsafe { libc::socket(family, kind | platform::SOCKET_FLAGS, protocol) };
    Ok(adopt(Errno::result(raw)?))
}

/// Takes a descriptor that the kernel returned just now, and lets it be closed at `exec`.
pub(super) fn adopt(raw: RawFd) -> OwnedFd {
    // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    let _ = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)); // An open descriptor takes the flag.
    fd
}

/// Binds a new socket to the address of a port, so that a server with the same option can bind it, too.
pub(crate) fn bind_reusable(address: SocketAddr) -> nix::Result<OwnedFd> {
    let socket = inet_socket(address, libc::SOCK_STREAM)?;
    set_option(&socket, libc::SO_REUSEADDR)?;
    bind(&socket, &SocketAddress::inet(address))?;
    Ok(socket)
}

/// Binds a socket of each type to the address of a port, and closes it.
pub(crate) fn try_bind(address: SocketAddr) -> nix::Result<()> {
    [libc::SOCK_STREAM, libc::SOCK_DGRAM]
        .into_iter()
        .try_for_each(|kind| bind(&inet_socket(address, kind)?, &SocketAddress::inet(address)))
}

fn inet_socket(address: SocketAddr, kind: c_int) -> nix::Result<OwnedFd> {
    socket(if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }, kind, 0)
}

pub(in crate::sys) fn bind(socket: &impl AsRawFd, address: &SocketAddress) -> nix::Result<()> {
    let (raw, length) = address.as_raw();
    // SAFETY: the address is as long as it says.
    Errno::result(unsafe { libc::bind(socket.as_raw_fd(), raw, length) }).map(drop)
}

pub(super) fn connect(socket: &OwnedFd, address: &SocketAddress) -> nix::Result<()> {
    let (raw, length) = address.as_raw();
    // SAFETY: the address is as long as it says.
    Errno::result(unsafe { libc::connect(socket.as_raw_fd(), raw, length) }).map(drop)
}

/// Turns on an option of the level `SOL_SOCKET`.
pub(in crate::sys) fn set_option(socket: &impl AsFd, option: c_int) -> nix::Result<()> {
    let (on, length) = (1 as c_int, size_of::<c_int>() as libc::socklen_t);
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads one number.
    let result =
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, option, (&raw const on).cast(), length) };
    Errno::result(result).map(drop)
}

/// Returns the value of an option of the level `SOL_SOCKET`.
///
/// # Safety
///
/// `T` is the type of that option, and any bytes are a value of it.
pub(in crate::sys) unsafe fn option<T>(socket: &impl AsFd, option: c_int) -> nix::Result<T> {
    // SAFETY: any bytes are a value, as the caller promises.
    let mut value: T = unsafe { mem::zeroed() };
    let (mut length, fd) = (size_of::<T>() as libc::socklen_t, socket.as_fd().as_raw_fd());
    let place = (&raw mut value).cast::<c_void>();
    // SAFETY: the kernel writes at most `length` bytes.
    let result = unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, place, &raw mut length) };
    Errno::result(result).map(|_| value)
}

/// Returns the type of a socket, as `SOCK_STREAM`.
pub(super) fn kind(socket: &impl AsFd) -> nix::Result<c_int> {
    // SAFETY: the option is a number.
    unsafe { option(socket, libc::SO_TYPE) }
}
