//! Descriptors, and the files that they are of.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::libc;
use nix::poll::{PollFd, ppoll};
use nix::sys::time::TimeSpec;

/// Closes all descriptors from 3 on.
pub(crate) fn close_inherited() {
    // SAFETY: the caller uses none of these any more.
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

/// Returns a path that leads to an open directory, whatever is at its own path now.
pub(crate) fn path_of_fd(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    path.exists().then_some(path) // There may be no /proc.
}

/// Makes a pipe that closes at `exec`: the reading end, the writing end.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// The capacity of a pipe for output. A larger one would soon use up what the kernel allows a user
/// (`pipe-user-pages-soft`, 64 MiB), and then every new pipe of the user holds two pages.
const PIPE_CAPACITY: i32 = 256 * 1024; // 256 KiB

/// The number of bytes that one call moves.
const MOVED_AT_ONCE: usize = 1024 * 1024; // 1 MiB

/// Makes a pipe for output. Its reading end does not block.
pub(crate) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe()?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // If the user has too many pipes, it keeps its usual capacity.
    let _ = fcntl(&write, FcntlArg::F_SETPIPE_SZ(PIPE_CAPACITY));
    Ok((read, write))
}

/// Moves bytes from a pipe to a file, and returns their number.
///
/// The kernel holds the lock of the pipe until they are in the file, so `queued_bytes` never misses
/// bytes that are on their way.
pub(crate) fn move_bytes(pipe: &OwnedFd, file: &mut File) -> io::Result<usize> {
    match splice(pipe, None, &*file, None, MOVED_AT_ONCE, SpliceFFlags::SPLICE_F_NONBLOCK) {
        // The file system does not support it.
        Err(Errno::EINVAL) => crate::sys::copy_bytes(pipe, file),
        moved => Ok(moved?),
    }
}

/// Returns the number of bytes in a pipe.
pub(crate) fn queued_bytes(pipe: &OwnedFd) -> Option<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: the call writes to a living variable of the type that it is made for.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    (asked == 0).then_some(count as usize)
}

/// Polls once, for at most the time that is left.
pub(crate) fn poll_once(fds: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    ppoll(fds, left.map(TimeSpec::from_duration), None)
}

/// Returns what distinguishes a file from a later one at the same path, and from a changed one.
pub(crate) fn file_identity(path: &Path) -> Option<(u64, i64, i64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}
