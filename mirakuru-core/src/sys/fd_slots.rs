//! Descriptors that a child gets by their numbers.
//!
//! The numbers are taken from the start, so that nothing else of this process ever has one of them:
//! neither its own descriptors, nor the pipe by which std tells that an `exec` failed. So one can be
//! put there, and left to a child, without harm to anything.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::execve;

/// The numbers that a child can get descriptors by, beside the three that every process has.
pub(crate) const FD_SLOTS: Range<RawFd> = 3..20;

const SHELL: &CStr = c"/bin/sh";

/// The numbers, kept free.
pub(crate) struct FdSlots {
    null: OwnedFd,
}

impl FdSlots {
    /// To be called while none of the numbers is in use.
    pub(crate) fn reserve() -> io::Result<Self> {
        let null = File::open("/dev/null")?;
        let high = fcntl(&null, FcntlArg::F_DUPFD_CLOEXEC(FD_SLOTS.end))?;
        // SAFETY: the kernel just made this descriptor for us, and nobody else knows of it.
        let numbers = Self { null: unsafe { OwnedFd::from_raw_fd(high) } };
        drop(null);
        FD_SLOTS.into_iter().try_for_each(|number| put(numbers.null.as_raw_fd(), number))?;
        Ok(numbers)
    }

    /// Puts descriptors at their numbers, as long as the guard lives.
    pub(crate) fn put(&self, fds: &[(RawFd, BorrowedFd<'_>)]) -> io::Result<InstalledFds<'_>> {
        let placed =
            InstalledFds { numbers: self, taken: fds.iter().map(|(number, _)| *number).collect() };
        fds.iter().try_for_each(|(number, fd)| put(fd.as_raw_fd(), *number))?;
        Ok(placed)
    }
}

/// FdSlots that are in use.
pub(crate) struct InstalledFds<'a> {
    numbers: &'a FdSlots,
    taken: Vec<RawFd>,
}

impl InstalledFds<'_> {
    pub(crate) fn taken(&self) -> Vec<RawFd> {
        self.taken.clone()
    }
}

impl Drop for InstalledFds<'_> {
    fn drop(&mut self) {
        for number in &self.taken {
            let _ = put(self.numbers.null.as_raw_fd(), *number); // The number is in use, so it is valid.
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

/// Leaves descriptors to the program that this process becomes.
pub(super) fn leave(numbers: &[RawFd]) {
    for number in numbers {
        // SAFETY: setting a flag has no preconditions.
        unsafe { libc::fcntl(*number, libc::F_SETFD, 0) };
    }
}

/// A program that is told its own process id, as one that is handed listening sockets has to be.
///
/// A variable that is set between fork and exec does not survive std's way to run a program.
pub(crate) struct ExecWithListenPid {
    pub(crate) program: CString,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
}

impl ExecWithListenPid {
    /// Becomes the program, or says why it cannot.
    pub(super) fn exec(&self) -> io::Error {
        let mut environment = self.environment.clone();
        let variable = CString::new(format!("LISTEN_PID={}", std::process::id()));
        environment.extend(variable);
        let Err(errno) = execve(&self.program, &self.arguments, &environment);
        if errno != Errno::ENOEXEC {
            return errno.into();
        }
        // A script without a first line that names its interpreter is one for the shell, as for others
        // who run programs.
        let rest = self.arguments.iter().skip(1).cloned();
        let words: Vec<_> =
            [SHELL.to_owned(), self.program.clone()].into_iter().chain(rest).collect();
        let Err(errno) = execve(SHELL, &words, &environment);
        errno.into()
    }
}
