//! Descriptors, and the files that they are of.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, ppoll};
use nix::sys::time::TimeSpec;

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

/// Returns what distinguishes a file from a later one at the same path, and from a changed one.
pub(crate) fn file_identity(path: &Path) -> Option<(u64, i64, i64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}
