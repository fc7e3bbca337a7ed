//! Descriptors that a child inherits at given numbers.
//!
//! The numbers are reserved from the start of the supervisor, so that neither its own descriptors nor
//! the pipe by which a failed `exec` is reported ever get one of them. A descriptor can therefore be
//! installed at a number, and left to a child, without closing another one.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// The reserved numbers.
pub(crate) struct FdSlots {
    null: OwnedFd,
}

impl FdSlots {
    /// Reserves the numbers. None of them may be in use.
    pub(crate) fn reserve(numbers: Range<RawFd>) -> io::Result<Self> {
        let null = File::open("/dev/null")?;
        let high = fcntl(&null, FcntlArg::F_DUPFD_CLOEXEC(numbers.end))?;
        // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
        let slots = Self { null: unsafe { OwnedFd::from_raw_fd(high) } };
        drop(null);
        numbers.into_iter().try_for_each(|number| put(slots.null.as_raw_fd(), number))?;
        Ok(slots)
    }

    /// Installs descriptors at their numbers, as long as the guard lives.
    pub(crate) fn install(&self, fds: &[(RawFd, BorrowedFd<'_>)]) -> io::Result<InstalledFds<'_>> {
        let numbers = fds.iter().map(|(number, _)| *number).collect();
        let installed = InstalledFds { slots: self, numbers };
        fds.iter().try_for_each(|(number, fd)| put(fd.as_raw_fd(), *number))?;
        Ok(installed)
    }
}

/// Descriptors that are installed at their numbers.
pub(crate) struct InstalledFds<'a> {
    slots: &'a FdSlots,
    numbers: Vec<RawFd>,
}

impl InstalledFds<'_> {
    pub(crate) fn numbers(&self) -> Vec<RawFd> {
        self.numbers.clone()
    }
}

impl Drop for InstalledFds<'_> {
    fn drop(&mut self) {
        for number in &self.numbers {
            let _ = put(self.slots.null.as_raw_fd(), *number); // The number is in use, so it is valid.
        }
    }
}

fn put(fd: RawFd, number: RawFd) -> io::Result<()> {
    // SAFETY: the number is one that only this module uses.
    Errno::result(unsafe { libc::dup2(fd, number) })?;
    // SAFETY: setting a flag has no preconditions.
    Errno::result(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(())
}

/// Lets the program that this process executes inherit the descriptors.
pub(super) fn leave(numbers: &[RawFd]) {
    for number in numbers {
        // SAFETY: setting a flag has no preconditions.
        unsafe { libc::fcntl(*number, libc::F_SETFD, 0) };
    }
}
