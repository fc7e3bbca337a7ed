//! Calls on any open descriptor.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::read;

use crate::sys::platform;

/// Waits until one of `fds` is readable or closed, or `timeout` has passed.
pub(crate) fn wait_readable(
    fds: &[BorrowedFd<'_>],
    timeout: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut polled: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match platform::poll_once(&mut polled, left) {
            Ok(_) => return Ok(polled.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
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
    // SAFETY: the descriptor is open as long as the file is borrowed.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// Returns the number of columns of a terminal, if it reports one.
pub(crate) fn terminal_width(terminal: impl AsRawFd) -> Option<u16> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call writes to a living variable of the type that it is made for.
    let asked = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0).then_some(size.ws_col)
}
