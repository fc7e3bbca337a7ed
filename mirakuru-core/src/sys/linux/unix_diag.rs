//! Finds the Unix sockets that are bound to a file or to an abstract name by netlink, without a
//! connection.
//!
//! The kernel can be asked for the inode of a socket, but not for a file. To find that, all sockets are
//! listed that are bound and not connected: some 13 µs, and 1 µs more for each three sockets of this
//! machine. Those of other network namespaces are not in the list. See sock_diag(7).

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::libc;

use super::netlink::{self, HEADER_LEN, Netlink, word};
use crate::sys::BoundSocket;

const REQUEST_LEN: usize = HEADER_LEN + 24;
/// The states of a socket that is not connected: `TCP_CLOSE` and `TCP_LISTEN`.
const UNCONNECTED: u32 = 1 << 7 | 1 << LISTEN;
const LISTEN: u8 = 10;
/// `UDIAG_SHOW_NAME`, `UDIAG_SHOW_VFS`, `UDIAG_SHOW_RQLEN` and `UDIAG_SHOW_UID`.
const SHOW: u32 = 0x1 | 0x2 | 0x10 | 0x40;
/// Offsets in the answer, `struct unix_diag_msg`, behind the header.
const TYPE: usize = HEADER_LEN + 1;
const STATE: usize = HEADER_LEN + 2;
const INODE: usize = HEADER_LEN + 4;
const ATTRIBUTES: usize = HEADER_LEN + 16;
/// Types of attributes.
const NAME: u16 = 0;
const FILE: u16 = 1;
const QUEUE: u16 = 4;
const USER: u16 = 7;
/// The number that stands for a user without one: a kernel before 5.3 does not report the user.
const UNKNOWN_USER: u32 = 65_534;

/// One socket, as the kernel describes it.
struct Socket {
    found: BoundSocket,
    /// As it was passed to `bind`. An abstract name begins with a zero byte.
    name: Vec<u8>,
    /// The inode and the device of its file.
    file: Option<(u32, u32)>,
}

/// Returns the sockets with an abstract name.
pub(super) fn sockets_named(name: &[u8]) -> io::Result<Vec<BoundSocket>> {
    let name = [b"\0", name].concat();
    matching(|socket| socket.name == name)
}

/// Returns the sockets that are bound to a file, which was found at this path.
pub(super) fn sockets_of_file(file: &Metadata, path: &Path) -> io::Result<Vec<BoundSocket>> {
    if !file.file_type().is_socket() {
        return Ok(Vec::new());
    }
    matching(|socket| is_of(socket, file, path))
}

/// Returns true if the socket with this inode takes connections or datagrams.
pub(super) fn is_open(inode: u64) -> io::Result<bool> {
    let mut request = request(0);
    request[HEADER_LEN + 8..HEADER_LEN + 12].copy_from_slice(&(inode as u32).to_ne_bytes());
    let socket = Netlink::open()?.find(&request, socket_of)?;
    Ok(socket.is_some_and(|socket| socket.found.is_open))
}

fn matching(is_wanted: impl Fn(&Socket) -> bool) -> io::Result<Vec<BoundSocket>> {
    let sockets = Netlink::open()?.list(&request(libc::NLM_F_DUMP), socket_of)?;
    Ok(sockets.into_iter().filter(is_wanted).map(|socket| socket.found).collect())
}

fn request(more_flags: i32) -> [u8; REQUEST_LEN] {
    let mut request = [0; REQUEST_LEN];
    netlink::set_header(&mut request, more_flags);
    let body = &mut request[HEADER_LEN..];
    body[0] = libc::AF_UNIX as u8;
    body[4..8].copy_from_slice(&UNCONNECTED.to_ne_bytes());
    body[12..16].copy_from_slice(&SHOW.to_ne_bytes());
    // No cookie: any socket will do.
    body[16..24].fill(0xff);
    request
}

fn is_of(socket: &Socket, file: &Metadata, path: &Path) -> bool {
    let Some((inode, device)) = socket.file else { return false };
    // The kernel reports the lower half of the inode only.
    inode == file.ino() as u32
        && (device == (libc::major(file.dev()) << 20 | libc::minor(file.dev()))
            // Some file systems, as btrfs and overlayfs, give their files other devices.
            || Path::new(OsStr::from_bytes(&socket.name)).file_name() == path.file_name())
}

fn socket_of(message: &[u8]) -> io::Result<Socket> {
    let byte = |at: usize| message.get(at).copied().ok_or(io::ErrorKind::UnexpectedEof);
    let attribute = |kind| attribute(message.get(ATTRIBUTES..).unwrap_or_default(), kind);
    let pair = |kind| {
        let value = attribute(kind)?;
        Some((word(value, 0).ok()?, word(value, 4).ok()?))
    };
    let listens = byte(STATE)? == LISTEN;
    let is_datagram = i32::from(byte(TYPE)?) == libc::SOCK_DGRAM;
    // The kernel takes one connection more than the limit that was passed to `listen`.
    let is_full = listens && pair(QUEUE).is_some_and(|(queued, limit)| queued > limit);
    Ok(Socket {
        found: BoundSocket {
            inode: word(message, INODE)?.into(),
            user: attribute(USER).and_then(|it| word(it, 0).ok()).unwrap_or(UNKNOWN_USER),
            is_open: listens || is_datagram,
            is_full,
        },
        name: without_end(attribute(NAME).unwrap_or_default()).to_vec(),
        file: pair(FILE),
    })
}

/// Removes the zero byte at the end of a path.
fn without_end(name: &[u8]) -> &[u8] {
    match name {
        [first, path @ .., 0] if *first != 0 => &name[..=path.len()],
        _ => name,
    }
}

/// Returns the value of an attribute.
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let header = word(attributes, 0).ok()?.to_ne_bytes();
        let length = u16::from_ne_bytes([header[0], header[1]]) as usize;
        if u16::from_ne_bytes([header[2], header[3]]) == wanted {
            return attributes.get(4..length);
        }
        attributes = attributes.get(length.next_multiple_of(4).max(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
    use std::path::PathBuf;

    use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen};

    use super::*;

    /// A file that is removed on drop.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let file = format!("mirakuru-unix-{name}-{}", std::process::id());
            Self(std::env::temp_dir().join(file))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0); // A test may have removed it.
        }
    }

    fn sockets_at(path: &Path) -> Vec<BoundSocket> {
        sockets_of_file(&fs::metadata(path).unwrap(), path).unwrap()
    }

    fn inode(socket: &impl AsRawFd) -> u64 {
        fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap().ino()
    }

    fn found(inode: u64, is_open: bool) -> Vec<BoundSocket> {
        let user = nix::unistd::geteuid().as_raw();
        vec![BoundSocket { inode, user, is_open, is_full: false }]
    }

    #[test]
    fn a_listener_is_found_by_its_file_also_when_that_was_moved() {
        let (path, moved) = (Scratch::new("file"), Scratch::new("moved"));
        let server = UnixListener::bind(&path.0).unwrap();
        assert_eq!(sockets_at(&path.0), found(inode(&server), true));
        let client = UnixStream::connect(&path.0).unwrap();
        let accepted = server.accept().unwrap();
        assert_eq!(sockets_at(&path.0), found(inode(&server), true));
        fs::rename(&path.0, &moved.0).unwrap();
        assert_eq!(sockets_at(&moved.0), found(inode(&server), true));
        let other = UnixListener::bind(&path.0).unwrap();
        assert_eq!(sockets_at(&path.0), found(inode(&other), true));
        drop((server, client, accepted));
        assert_eq!(sockets_at(&moved.0), []);
    }

    #[test]
    fn sockets_of_other_types_are_found_and_told_from_those_that_do_not_listen() {
        let path = Scratch::new("datagrams");
        let server = UnixDatagram::bind(&path.0).unwrap();
        assert_eq!(sockets_at(&path.0), found(inode(&server), true));
        for kind in [SockType::Stream, SockType::SeqPacket] {
            let path = Scratch::new("kinds");
            let flags = SockFlag::SOCK_CLOEXEC;
            let server = nix::sys::socket::socket(AddressFamily::Unix, kind, flags, None).unwrap();
            bind(server.as_raw_fd(), &UnixAddr::new(&path.0).unwrap()).unwrap();
            assert_eq!(sockets_at(&path.0), found(inode(&server), false));
            assert!(!is_open(inode(&server)).unwrap());
            listen(&server, Backlog::new(0).unwrap()).unwrap();
            assert_eq!(sockets_at(&path.0), found(inode(&server), true));
            let inode = inode(&server);
            assert!(is_open(inode).unwrap());
            drop(server);
            assert!(!is_open(inode).unwrap());
        }
    }

    #[test]
    fn a_listener_that_takes_no_more_connections_is_full() {
        let path = Scratch::new("full");
        let server = UnixListener::bind(&path.0).unwrap();
        listen(&server, Backlog::new(1).unwrap()).unwrap();
        let is_full = || sockets_at(&path.0)[0].is_full;
        assert!(!is_full());
        let connect = || UnixStream::connect(&path.0).unwrap();
        let _waiting = [connect(), connect()];
        assert!(is_full());
        drop(server.accept().unwrap());
        assert!(!is_full());
    }

    #[test]
    fn an_abstract_name_is_compared_to_its_last_byte() {
        let name = format!("mirakuru-unix-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let server = UnixListener::bind_addr(&address).unwrap();
        let at = |name: &str| sockets_named(name.as_bytes()).unwrap();
        assert_eq!(at(&name), found(inode(&server), true));
        for other in [format!("{name}\0"), format!("{name}x"), String::new()] {
            assert_eq!(at(&other), [], "{other:?}");
        }
    }

    #[test]
    fn what_is_no_socket_has_none() {
        assert_eq!(sockets_at(Path::new("/")), []);
    }
}
