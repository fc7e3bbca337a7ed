//! The process behind a datagram or a connection.

use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::{PassCred, PeerCredentials};
use nix::sys::socket::{ControlMessageOwned, UnixCredentials, getsockopt, recvmsg, setsockopt};

use super::{RECEIVE_FLAGS, descendants_of};

/// The type of the message that has the descriptor of the sender.
const SCM_PIDFD: libc::c_int = 4;

/// The largest number of descriptors in one message. With room for fewer, the kernel truncates the
/// list, and the extra descriptors leak.
const SENT_FDS_MAX: usize = 253;

/// The process behind a datagram or a connection.
pub(crate) struct Peer {
    pub(crate) pid: i32,
    /// Its real user.
    pub(crate) user: u32,
    life: Life,
}

/// Distinguishes a process from a later one with the same id.
enum Life {
    Process(OwnedFd),
    /// It had ended, and its parent knew.
    Reaped,
    /// A kernel before 6.5 does not tell.
    Unknown,
}

impl Peer {
    fn new(who: UnixCredentials, life: Life) -> Option<Self> {
        // The kernel writes 0 for a process that is not in this PID namespace.
        (who.pid() != 0).then_some(Self { pid: who.pid(), user: who.uid(), life })
    }

    /// Returns the process that called `listen` or `connect` at the other end of a connection.
    pub(crate) fn of(stream: &UnixStream) -> Option<Self> {
        Self::new(getsockopt(stream, PeerCredentials).ok()?, Life::Unknown)
    }

    /// Returns true if the process is below `supervisor`. Of one that has ended, only its user is
    /// known, who has to be the user of this process or of one below the supervisor.
    pub(crate) fn belongs_to(&self, supervisor: i32) -> bool {
        let is_below = crate::sys::is_below(self.pid, supervisor);
        if self.is_reaped() { self.has_user_of(supervisor) } else { is_below }
    }

    /// Returns true if the process has ended, and its id may be that of another one.
    fn is_reaped(&self) -> bool {
        match &self.life {
            Life::Reaped => true,
            Life::Process(fd) => is_reaped(fd.as_fd()),
            Life::Unknown => !Path::new(&format!("/proc/{}", self.pid)).exists(),
        }
    }

    fn has_user_of(&self, supervisor: i32) -> bool {
        let this = std::process::id() as i32;
        let tree = std::iter::once(this).chain(descendants_of(supervisor));
        tree.into_iter().any(|pid| users_of(pid).contains(&self.user))
    }
}

fn is_reaped(pidfd: BorrowedFd<'_>) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()));
    info.unwrap_or_default()
        .lines()
        .any(|line| line.strip_prefix("Pid:").is_some_and(|pid| pid.trim() == "-1"))
}

/// Returns the real, effective and saved users of a process.
fn users_of(pid: i32) -> Vec<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let users = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap_or_default();
    users.split_whitespace().filter_map(|user| user.parse().ok()).collect()
}

/// Attaches the sender to datagrams that arrive from now on.
pub(crate) fn enable_credentials(socket: &impl AsFd) {
    let _ = setsockopt(socket, PassCred, &true); // Every Linux has it.
    let (on, length) = (1 as libc::c_int, size_of::<libc::c_int>() as libc::socklen_t);
    let fd = socket.as_fd().as_raw_fd();
    // SAFETY: the kernel reads one number. It has this option since version 6.5.
    unsafe {
        libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_PASSPIDFD, (&raw const on).cast(), length)
    };
}

/// Returns a pidfd of the process at the other end of a connection.
pub(super) fn peer_pidfd(stream: &UnixStream) -> nix::Result<OwnedFd> {
    let mut fd: libc::c_int = -1;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    let socket = stream.as_raw_fd();
    // SAFETY: the kernel writes one number, and its length.
    let result = unsafe {
        let number = (&raw mut fd).cast();
        libc::getsockopt(socket, libc::SOL_SOCKET, libc::SO_PEERPIDFD, number, &raw mut length)
    };
    Errno::result(result)?;
    // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Receives a datagram and its sender. Attached descriptors are closed: a sender that uses one as a
/// barrier waits for that.
pub(crate) fn receive_datagram(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Option<Peer>)> {
    let mut space = nix::cmsg_space!(UnixCredentials, [RawFd; SENT_FDS_MAX], RawFd);
    let mut buffers = [IoSliceMut::new(bytes)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut buffers, Some(&mut space), RECEIVE_FLAGS)?;
    let (mut sender, mut life) = (None, Life::Unknown);
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmCredentials(who) => sender = Some(who),
            ControlMessageOwned::ScmRights(fds) => fds.into_iter().for_each(|fd| {
                let _ = nix::unistd::close(fd); // The kernel just gave it to us.
            }),
            ControlMessageOwned::Unknown(other) if other.cmsg_header.cmsg_type == SCM_PIDFD => {
                life = life_of(&other.data_bytes);
            }
            _ => {}
        }
    }
    Ok((message.bytes, sender.and_then(|sender| Peer::new(sender, life))))
}

/// Reads the descriptor of a sender, or the error number that is there in its place.
fn life_of(bytes: &[u8]) -> Life {
    let number = bytes.first_chunk().map(|bytes| RawFd::from_ne_bytes(*bytes));
    match number {
        // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
        Some(fd) if fd >= 0 => Life::Process(unsafe { OwnedFd::from_raw_fd(fd) }),
        Some(error) if error == -(Errno::ESRCH as i32) => Life::Reaped,
        _ => Life::Unknown,
    }
}
