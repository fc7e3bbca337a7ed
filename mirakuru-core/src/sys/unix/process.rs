//! This process, and its children.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{ForkResult, Uid, User, setsid};

use super::fds::wait_readable;
use crate::sys::platform;

/// The interval at which to look whether a process has ended.
const LOOK: Duration = Duration::from_millis(2);

/// Returns the error for a library that would have to run itself again.
pub(crate) fn in_library(library: &str) -> io::Error {
    let what = format!(
        "mirakuru is in the library `{library}`, and the program that has loaded it cannot be run as a \
         supervisor; start servers in a program that has mirakuru in itself, such as a Rust test"
    );
    io::Error::new(io::ErrorKind::Unsupported, what)
}

/// Runs `function` when this process exits in the normal way.
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: `atexit` only stores the pointer of a function that lives as long as the program.
    unsafe { libc::atexit(function) };
}

/// Ends this process without running exit handlers or destructors.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions and does not return.
    unsafe { libc::_exit(code) }
}

/// Forks this process, which must have one thread. The child ends with the exit code that `in_child`
/// returns, or 1 if it panics. Returns the process id
/// of the child.
pub(crate) fn fork(in_child: impl FnOnce() -> i32) -> io::Result<i32> {
    // SAFETY: with one thread, no other can hold a lock that the child waits for.
    match unsafe { nix::unistd::fork()? } {
        ForkResult::Parent { child } => Ok(child.as_raw()),
        ForkResult::Child => exit_now(panic::catch_unwind(AssertUnwindSafe(in_child)).unwrap_or(1)),
    }
}

/// Returns the effective user's id.
pub(crate) fn effective_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Starts a new session, without a terminal and in a new process group.
pub(crate) fn new_session() {
    // This can only fail for a group leader, which a process that was just spawned is not.
    let _ = setsid();
}

impl platform::Process {
    /// Waits until the process has ended.
    pub(crate) fn wait(&self, deadline: Instant) {
        while self.is_alive() && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            // Without a descriptor that becomes readable, it is looked at.
            let step = if self.as_fd().is_some() { left } else { left.min(LOOK) };
            let _ = wait_readable(self.as_fd().as_slice(), Some(step));
        }
    }
}

/// How many times the parents of a process are looked up while some of them end.
const LOOKS: usize = 8;

/// Returns true if `pid` is `ancestor` or one of its descendants.
pub(crate) fn is_below(pid: i32, ancestor: i32) -> bool {
    for _ in 0..LOOKS {
        let mut last = pid;
        for pid in std::iter::successors(Some(pid), |pid| platform::parent_of(*pid)) {
            if pid == ancestor {
                return true;
            }
            last = pid;
        }
        // Above the first process is none. Elsewhere, a parent has ended during the look: its children have
        // another one by now, as those of a daemon have.
        if last == 0 {
            return false;
        }
    }
    false
}

/// The result of reaping.
pub(crate) enum Reaped {
    /// A child ended.
    Ended { pid: i32, status: ExitStatus },
    /// There are children, none of which has ended.
    NoneYet,
    /// There is no child left.
    Childless,
}

/// Reaps one child of this process that has ended.
///
/// `nix` is not used here: if a real-time signal ended the child, it reports an error after reaping.
pub(crate) fn reap() -> Reaped {
    let mut status = 0;
    // SAFETY: the pointer is to a living variable.
    match Errno::result(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) }) {
        Ok(0) => Reaped::NoneYet,
        Ok(pid) => Reaped::Ended { pid, status: ExitStatus::from_raw(status) },
        Err(Errno::EINTR) => reap(),
        Err(_) => Reaped::Childless,
    }
}

/// Returns true if this user may not signal a process.
pub(crate) fn refuses_signals(pid: i32) -> bool {
    kill(pid, 0).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Returns the name of a user.
pub(crate) fn user_name(user: u32) -> Option<String> {
    User::from_uid(Uid::from_raw(user)).ok().flatten().map(|user| user.name)
}

/// Sends a signal by number.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: `kill` has no memory preconditions.
    Errno::result(unsafe { libc::kill(pid, signal) })?;
    Ok(())
}
