//! Signals that this process receives.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction};
use nix::unistd::read;

use crate::sys::platform;

/// The number of the last signal. Linux has real-time signals up to this one.
const LAST_SIGNAL: i32 = if cfg!(target_os = "linux") { 64 } else { 31 };

/// Signals by which the kernel reports a fault, or the end of a child.
const FAULTS_AND_CHILD: [i32; 8] = [
    libc::SIGCHLD,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];

/// The writing end of the self-pipe, for the signal handler.
static SELF_PIPE: AtomicI32 = AtomicI32::new(-1);

/// Makes signals readable: each one writes its number as a byte to a pipe. Returns the reading end.
pub(crate) fn signal_pipe(signals: &[Signal]) -> io::Result<OwnedFd> {
    let (read, write) = platform::pipe()?;
    for end in [&read, &write] {
        fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    SELF_PIPE.store(write.as_raw_fd(), Ordering::SeqCst);
    // The handler uses it until the process ends.
    std::mem::forget(write);
    let action =
        SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::empty());
    for signal in signals {
        // SAFETY: the handler only writes to a pipe and keeps `errno`.
        unsafe { sigaction(*signal, &action)? };
    }
    Ok(read)
}

/// The reading end of the pipe for caught signals. Both ends stay open: a handler may be about to write.
static CAUGHT: OnceLock<OwnedFd> = OnceLock::new();
static IS_CATCHING: AtomicBool = AtomicBool::new(false);

/// Signals that are readable instead of having their effect, until this is dropped.
pub(crate) struct CaughtSignals {
    pipe: OwnedFd,
    former: Vec<(Signal, SigAction)>,
}

impl CaughtSignals {
    /// Catches signals. Those that this process ignores are left so.
    pub(crate) fn new(signals: &[Signal]) -> io::Result<Self> {
        if IS_CATCHING.swap(true, Ordering::SeqCst) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let pipe = Self::pipe().inspect_err(|_| IS_CATCHING.store(false, Ordering::SeqCst))?;
        let mut caught = Self { pipe, former: Vec::new() };
        caught.take(); // What came when nothing was caught any more.
        let handler = SigHandler::Handler(on_signal);
        let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
        for signal in signals {
            // SAFETY: the handler only writes to a pipe and keeps `errno`.
            let former = unsafe { sigaction(*signal, &action)? };
            if matches!(former.handler(), SigHandler::SigIgn) {
                // SAFETY: ignoring a signal installs no handler.
                unsafe { sigaction(*signal, &former)? };
            } else {
                caught.former.push((*signal, former));
            }
        }
        Ok(caught)
    }

    fn pipe() -> io::Result<OwnedFd> {
        if CAUGHT.get().is_none() {
            let _ = CAUGHT.set(signal_pipe(&[])?); // Only one thread catches signals at a time.
        }
        CAUGHT.get().ok_or(io::ErrorKind::Other)?.try_clone()
    }

    /// Returns the numbers of the signals that have come.
    pub(crate) fn take(&self) -> Vec<i32> {
        let mut numbers = [0; 64];
        let length = read(&self.pipe, &mut numbers).unwrap_or(0);
        numbers[..length].iter().copied().map(i32::from).collect()
    }
}

impl AsFd for CaughtSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl Drop for CaughtSignals {
    fn drop(&mut self) {
        for (signal, action) in &self.former {
            // SAFETY: this action was installed before.
            let _ = unsafe { sigaction(*signal, action) }; // The signal is valid.
        }
        IS_CATCHING.store(false, Ordering::SeqCst);
    }
}

extern "C" fn on_signal(number: i32) {
    let errno = Errno::last_raw();
    let byte = number as u8;
    let pipe = SELF_PIPE.load(Ordering::SeqCst);
    // SAFETY: `write` is async-signal-safe and reads one byte of a living variable. If the pipe is full,
    // the reader wakes up anyway.
    unsafe { libc::write(pipe, (&raw const byte).cast(), 1) };
    Errno::set_raw(errno);
}

/// Unblocks the signals that the thread which started this process had blocked.
pub(crate) fn unblock_signals() {
    let _ = SigSet::empty().thread_set_mask(); // An empty set is valid.
}

/// While it lives, no signal reaches this thread.
pub(super) struct BlockedSignals {
    former: SigSet,
}

impl BlockedSignals {
    pub(super) fn all() -> Self {
        let former = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
        Self { former: former.unwrap_or_else(|_| SigSet::empty()) } // A full set is valid.
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        let _ = self.former.thread_set_mask(); // The kernel returned it.
    }
}

/// Lets the kernel reap all children.
pub(crate) fn ignore_children() {
    // SAFETY: ignoring a signal installs no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Ignores all signals that have no handler: a server may signal its parent, a write to a closed
/// connection fails, and so does one beyond the limit for the size of a file.
pub(crate) fn ignore_signals() {
    for number in (1..=LAST_SIGNAL).filter(|number| !FAULTS_AND_CHILD.contains(number)) {
        // SAFETY: ignoring a signal installs no handler. For KILL and STOP, and for the signals of
        // libc itself, it is an error without effect.
        unsafe { libc::signal(number, libc::SIG_IGN) };
    }
}

/// Resets signals that a test runner ignores: `exec` would pass that on to the server.
pub(super) fn reset_signals() {
    for number in 1..=LAST_SIGNAL {
        // SAFETY: setting the default action has no preconditions. For KILL and STOP it is an
        // error without effect.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}
