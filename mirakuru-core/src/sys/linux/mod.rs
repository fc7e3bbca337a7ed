//! System calls that only Linux has. `fallback.rs` has the same functions.

mod proc;
mod sock_diag;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, ppoll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::socket::sockopt::{PassCred, PeerCredentials};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockFlag, UnixCredentials, getsockopt, recvmsg, setsockopt,
};
use nix::sys::time::TimeSpec;
use parking_lot::Mutex;

pub(crate) use self::proc::*;
use super::Listener;

/// Returns a path to the program that this process runs, even after the file was replaced.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

/// Returns the arguments of this process. std has them before `main` only with glibc.
pub(crate) fn arguments() -> Vec<OsString> {
    let bytes = fs::read("/proc/self/cmdline").unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
}

/// Makes sockets close at `exec`.
pub(crate) const SOCKET_FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC;

/// Turns SIGPIPE into an error.
pub(crate) const SEND_FLAGS: MsgFlags = MsgFlags::MSG_NOSIGNAL;

/// Makes received descriptors close at `exec`, without a moment in which a child could inherit them.
pub(crate) const RECEIVE_FLAGS: MsgFlags = MsgFlags::MSG_CMSG_CLOEXEC;

/// True if `become_subreaper` has an effect.
pub(crate) const HAS_SUBREAPER: bool = true;

/// Makes this process the parent of orphaned descendants.
pub(crate) fn become_subreaper() {
    let _ = prctl::set_child_subreaper(true); // Every Linux since 3.4 has it.
}

/// Sets the name of this process that `ps` and `top` show.
pub(crate) fn set_name(name: &std::ffi::CStr) {
    let _ = prctl::set_name(name); // Only a name.
}

/// Has the kernel send SIGKILL to this process when the thread that forked it ends.
pub(crate) fn set_pdeathsig() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL); // SIGKILL is a valid signal.
}

/// Closes all descriptors from 3 on.
pub(crate) fn close_inherited() {
    // SAFETY: the caller owns no descriptor yet but 0, 1 and 2.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } == 0 {
        return;
    }
    // A kernel before 5.9. The list is complete before the first one is closed.
    let fds = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let fds = fds.filter_map(|fd| fd.file_name().to_str()?.parse::<i32>().ok());
    for fd in fds.filter(|fd| *fd > 2).collect::<Vec<_>>() {
        let _ = nix::unistd::close(fd); // The one of the list itself is closed already.
    }
}

/// Makes a pipe that closes at `exec`: the reading end, the writing end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// Polls once, for at most the time that is left.
pub(crate) fn poll_once(fds: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    ppoll(fds, left.map(TimeSpec::from_duration), None)
}

/// Attaches the sender to datagrams that arrive from now on.
pub(crate) fn tell_senders(socket: &impl AsFd) {
    let _ = setsockopt(socket, PassCred, &true); // Every Linux has it.
}

/// The largest number of descriptors in one message. With room for fewer, the kernel truncates the
/// list, and the extra descriptors leak.
const SENT_FDS_MAX: usize = 253;

/// Receives a datagram and its sender. Attached descriptors are closed: a sender that uses one as a
/// barrier waits for that.
pub(crate) fn receive_datagram(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Option<i32>)> {
    let mut space = nix::cmsg_space!(UnixCredentials, [RawFd; SENT_FDS_MAX]);
    let mut buffers = [IoSliceMut::new(bytes)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut buffers, Some(&mut space), RECEIVE_FLAGS)?;
    let mut sender = None;
    for control in message.cmsgs()? {
        match control {
            ControlMessageOwned::ScmCredentials(who) => sender = Some(who.pid()),
            ControlMessageOwned::ScmRights(fds) => fds.into_iter().for_each(|fd| {
                let _ = nix::unistd::close(fd); // The kernel just gave it to us.
            }),
            _ => {}
        }
    }
    Ok((message.bytes, sender.filter(|pid| *pid != 0)))
}

/// Returns the process at the other end of a Unix connection.
pub(crate) fn peer_pid(stream: &UnixStream) -> Option<i32> {
    getsockopt(stream, PeerCredentials).ok().map(|peer| peer.pid())
}

/// Returns the user of the process at the other end of a Unix connection.
pub(crate) fn peer_user(stream: &UnixStream) -> Option<u32> {
    getsockopt(stream, PeerCredentials).ok().map(|peer| peer.uid())
}

/// Returns the range of ports that the kernel assigns to sockets that are bound to port 0.
pub(crate) fn ephemeral_ports() -> Option<RangeInclusive<u16>> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (first, last) = text.trim().split_once(char::is_whitespace)?;
    Some(first.parse().ok()?..=last.trim().parse().ok()?)
}

/// Finds the listener at a TCP address, without a connection.
pub(crate) fn listener(address: SocketAddr) -> Listener {
    sock_diag::listener(address).unwrap_or(Listener::Unknown)
}

/// Returns the addresses of all listening sockets, with their inodes.
pub(crate) fn listeners() -> Option<Vec<(SocketAddr, u64)>> {
    sock_diag::listeners().ok()
}

/// Returns true if the listener has accepted the connection.
pub(crate) fn is_accepted(stream: &TcpStream) -> io::Result<bool> {
    sock_diag::is_accepted(stream.peer_addr()?, stream.local_addr()?)
}

/// Watchers that are not in use. They are kept because the kernel takes some 8 ms to close one.
static IDLE_WATCHERS: Mutex<Vec<Inotify>> = Mutex::new(Vec::new());

/// Wakes a wait when one of the watched paths changes.
pub(crate) struct Watcher {
    inotify: Option<Inotify>,
    watched: HashMap<PathBuf, WatchDescriptor>,
}

impl Watcher {
    /// Makes a watcher without paths. If the user has no inotify instance left, it never wakes a wait.
    pub(crate) fn new() -> Self {
        let idle = IDLE_WATCHERS.lock().pop();
        let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
        let inotify = idle.or_else(|| Inotify::init(flags).ok());
        Self { inotify, watched: HashMap::new() }
    }

    /// Watches a file, or the entries of a directory. Returns true if it is watched.
    pub(crate) fn watch(&mut self, path: &Path) -> bool {
        if self.watched.contains_key(path) {
            return true;
        }
        let Some(inotify) = &self.inotify else { return false };
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE_SELF;
        let watch = inotify.add_watch(path, flags).ok();
        watch.map(|watch| self.watched.insert(path.to_owned(), watch));
        watch.is_some()
    }

    /// Returns true if the path is watched, and the watch was not lost.
    pub(crate) fn is_watching(&self, path: &Path) -> bool {
        self.watched.contains_key(path)
    }

    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Discards the events so far, and the watches of paths that are gone.
    pub(crate) fn clear(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        while let Ok(events) = inotify.read_events() {
            let lost = AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF;
            for event in events.iter().filter(|event| event.mask.intersects(lost)) {
                self.watched.retain(|_, watch| *watch != event.wd);
            }
            if events.is_empty() {
                return;
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(inotify) = self.inotify.take() else { return };
        for watch in self.watched.values() {
            let _ = inotify.rm_watch(*watch); // The kernel removes it with its file.
        }
        IDLE_WATCHERS.lock().push(inotify);
    }
}

/// Returns what distinguishes a file from a later one at the same path, and from a changed one.
pub(crate) fn file_identity(path: &Path) -> Option<(u64, i64, i64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}
