//! The process behind a datagram or a connection.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

use super::descendants_of;
use crate::sys::unix::messages::{fds_in, receive_message};
use crate::sys::unix::{option, set_option};

/// The type of the message that has the descriptor of the sender.
const SCM_PIDFD: libc::c_int = 4;

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
    fn new(who: libc::ucred, life: Life) -> Option<Self> {
        // The kernel writes 0 for a process that is not in this PID namespace.
        (who.pid != 0).then_some(Self { pid: who.pid, user: who.uid, life })
    }

    /// Returns the process that called `listen` or `connect` at the other end of a connection.
    pub(crate) fn of(stream: &UnixStream) -> Option<Self> {
        Self::new(credentials(stream)?, Life::Unknown)
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
    let _ = set_option(socket, libc::SO_PASSCRED); // Every Linux has it.
    let _ = set_option(socket, libc::SO_PASSPIDFD); // Linux has it since version 6.5.
}

/// Returns the process at the other end of a connection, and its user.
pub(super) fn credentials(stream: &UnixStream) -> Option<libc::ucred> {
    // SAFETY: the option has this type, which consists of numbers.
    unsafe { option(stream, libc::SO_PEERCRED) }.ok()
}

/// Returns a pidfd of the process at the other end of a connection.
pub(super) fn peer_pidfd(stream: &UnixStream) -> nix::Result<OwnedFd> {
    // SAFETY: the option is a number.
    let fd = unsafe { option(stream, libc::SO_PEERPIDFD) }?;
    // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Receives a datagram and its sender. Attached descriptors are closed: a sender that uses one as a
/// barrier waits for that.
pub(crate) fn receive_datagram(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Option<Peer>)> {
    let (mut sender, mut life) = (None, Life::Unknown);
    let take = &mut |kind, content: &[u8]| match kind {
        libc::SCM_CREDENTIALS => sender = credentials_in(content),
        libc::SCM_RIGHTS => fds_in(content).for_each(|fd| {
            let _ = nix::unistd::close(fd); // The kernel just gave it to us.
        }),
        SCM_PIDFD => life = life_of(content),
        _ => {}
    };
    let length = receive_message(socket.as_raw_fd(), bytes, 0, take)?;
    Ok((length, sender.and_then(|sender| Peer::new(sender, life))))
}

/// Reads a `struct ucred`.
fn credentials_in(bytes: &[u8]) -> Option<libc::ucred> {
    let number = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
    Some(libc::ucred { pid: number(0)? as i32, uid: number(4)?, gid: number(8)? })
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
