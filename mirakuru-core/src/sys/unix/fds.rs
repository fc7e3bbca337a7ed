//! Calls on any open descriptor.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags};
use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::read;

use crate::sys::platform;

/// Waits until one of `fds` is readable or closed, or `timeout` has passed.
pub(crate) fn wait_readable(
    fds: &[BorrowedFd<'_>],
    timeout: Option<Duration>,
) -> io::Result<Vec<bool>> {
    wait_ready(fds, &[], timeout)
}

/// Waits until one of `readable` is readable, one of `writable` takes bytes, one of all is closed, or
/// `timeout` has passed.
pub(crate) fn wait_ready(
    readable: &[BorrowedFd<'_>],
    writable: &[BorrowedFd<'_>],
    timeout: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let readable = readable.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN));
    let writable = writable.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLOUT));
    let mut polled: Vec<_> = readable.chain(writable).collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match platform::poll_once(&mut polled, left) {
            Ok(_) => return Ok(polled.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Returns true if nothing can be written any more: the reader of a pipe, or a terminal, is gone.
pub(crate) fn is_closed(fd: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(fd, PollFlags::empty())];
    let _ = platform::poll_once(&mut polled, Some(Duration::ZERO)); // Then nothing is known.
    // Of a terminal, macOS may say that it is no descriptor.
    let is_gone = PollFlags::POLLERR | PollFlags::POLLHUP;
    polled[0].revents().is_some_and(|events| events.intersects(is_gone))
}

/// Lets processes of every user write to a pipe that they have open under a name such as
/// `/dev/stdout`, which opens it again.
pub(crate) fn share_pipe(pipe: &OwnedFd) {
    let _ = fchmod(pipe, Mode::from_bits_truncate(0o622)); // Some systems have no modes for pipes.
}

/// Returns true if a pipe has bytes to read.
pub(crate) fn has_bytes(pipe: &OwnedFd) -> bool {
    wait_readable(&[pipe.as_fd()], Some(Duration::ZERO)).is_ok_and(|ready| ready == [true])
}

/// Copies bytes from a pipe to a file, and returns their number.
pub(crate) fn copy_bytes(pipe: &OwnedFd, file: &mut File) -> io::Result<usize> {
    let mut bytes = [0; 16 * 1024];
    let length = read(pipe, &mut bytes)?;
    file.write_all(&bytes[..length])?;
    Ok(length)
}

/// Discards bytes of a pipe, and returns their number.
pub(crate) fn discard_bytes(pipe: &OwnedFd) -> io::Result<usize> {
    Ok(read(pipe, &mut [0; 16 * 1024])?)
}

/// Duplicates a standard descriptor of this process: 0, 1 or 2.
pub(crate) fn standard_fd(number: usize) -> io::Result<OwnedFd> {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()][number].try_clone_to_owned()
}

/// Locks a file until the last copy of its descriptor is closed. Returns false if it is locked.
///
/// `nix` is not used here: it unlocks the file for all copies when one is dropped.
pub(crate) fn try_lock(file: &File) -> bool {
    flock(file, libc::LOCK_EX).is_ok()
}

/// Locks a file as `try_lock` does, together with others that share it. Returns true on a file system
/// without locks, too.
pub(crate) fn try_lock_shared(file: &File) -> bool {
    flock(file, libc::LOCK_SH) != Err(Errno::EWOULDBLOCK)
}

fn flock(file: &File, kind: i32) -> nix::Result<i32> {
    // SAFETY: the descriptor is open as long as the file is borrowed.
    let lock = || unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) };
    retry(|| Errno::result(lock()))
}

/// Makes a call, again each time that a signal interrupts it.
pub(super) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// Returns true if this process can have so many more descriptors.
pub(crate) fn has_free_fds(count: usize) -> bool {
    let copies = (0..count).map(|_| standard_fd(2));
    copies.collect::<io::Result<Vec<_>>>().is_ok()
}

/// The limits of descriptors that this process had at its start.
static FD_LIMITS: OnceLock<(rlim_t, rlim_t)> = OnceLock::new();

/// Takes as many descriptors as this process may have. A supervisor has one for each lease.
pub(crate) fn raise_fd_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = FD_LIMITS.set((soft, hard));
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard); // macOS has no unlimited number.
    }
}

/// Undoes `raise_fd_limit` in a child: a server that uses `select` cannot use descriptors above 1,023.
pub(super) fn restore_fd_limit() {
    if let Some((soft, hard)) = FD_LIMITS.get() {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard); // It is below the hard limit.
    }
}

/// Returns the number of columns of a terminal, if it reports one.
pub(crate) fn terminal_width(terminal: impl AsRawFd) -> Option<u16> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call writes to a living variable of the type that it is made for.
    let asked = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0).then_some(size.ws_col)
}
