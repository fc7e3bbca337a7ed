//! Signals to other processes, and waits for their ends: by a pidfd, or where the kernel refuses that, by
//! the id and the start time.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;

use super::peer::peer_pidfd;
use super::proc::{
    all_processes, children_of, is_alive, is_ending, is_marked, parent_of, read_text, start_time,
};
use super::sockets::peer_pid;

/// Returns the process at the other end of a Unix connection: the one that called `connect` or made
/// both ends, and not a fork of it. It may have ended.
pub(crate) fn peer_process(stream: &UnixStream) -> Option<Process> {
    let pid = peer_pid(stream)?;
    let process = match peer_pidfd(stream) {
        Ok(process) => Some(process),
        Err(Errno::ESRCH | Errno::EINVAL) => {
            return Some(Process { pid, started: 0, process: None });
        }
        Err(_) => open_process(pid).ok(), // A kernel before 6.5.
    };
    let started = if process.is_some() { 0 } else { start_time(pid)? };
    Some(Process { pid, started, process })
}

/// A process that is no child of this one, distinguished from a later one with the same id.
pub(crate) struct Process {
    pid: i32,
    started: u64,
    /// None if the kernel refuses it.
    process: Option<OwnedFd>,
}

impl Process {
    /// Opens the process with this id, if it started at this time.
    pub(crate) fn open(pid: i32, started: u64) -> Option<Self> {
        let process = Self { pid, started, process: open_process(pid).ok() };
        // Checked after the pidfd was opened, so that both are of one process.
        process.is_listed().then_some(process)
    }

    /// Opens the process that has this id now.
    fn find(pid: i32) -> Option<Self> {
        Self::open(pid, start_time(pid)?)
    }

    /// Takes the descriptor of a process, if there is one, and opens it by its id otherwise.
    pub(crate) fn adopt(process: Option<OwnedFd>, pid: i32) -> Option<Self> {
        let Some(process) = process else { return Self::find(pid) };
        // The id that the process has for itself may be one of another PID namespace.
        let info = read_text(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
        let own = info.lines().find_map(|line| line.strip_prefix("Pid:")?.trim().parse().ok())?;
        (own > 0).then_some(Self { pid: own, started: 0, process: Some(process) })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&self, signal: i32) {
        let Some(process) = &self.process else {
            if self.is_listed() {
                let _ = crate::sys::kill(self.pid, signal); // It may have ended since.
            }
            return;
        };
        let no_info: *const libc::siginfo_t = std::ptr::null();
        let process = process.as_raw_fd();
        // SAFETY: a null pointer means "no information", and no other memory is read. An error means
        // that the process has ended.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, signal, no_info, 0) };
    }

    /// Returns the descriptor that becomes readable when the process ends.
    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(AsFd::as_fd)
    }

    /// Returns the interval at which to check it, if there is no such descriptor.
    pub(crate) fn poll_interval(&self) -> Option<Duration> {
        self.process.is_none().then_some(Duration::from_millis(200))
    }

    pub(crate) fn is_alive(&self) -> bool {
        let Some(process) = &self.process else { return self.is_listed() };
        let ended = crate::sys::wait_readable(&[process.as_fd()], Some(Duration::ZERO));
        ended.is_ok_and(|ended| ended == [false])
    }

    fn is_listed(&self) -> bool {
        is_alive(self.pid) && start_time(self.pid) == Some(self.started)
    }
}

/// Returns a descriptor by which another process can wait for this one, if the kernel grants it.
pub(crate) fn own_pidfd() -> Option<OwnedFd> {
    open_process(std::process::id() as i32).ok()
}

fn open_process(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call reads no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Sends a signal to the descendants of `root`, parents before their children.
pub(crate) fn signal_descendants(root: i32, signal: i32) {
    signal_new_descendants(root, signal, &mut HashSet::new());
}

/// Sends a signal to those descendants of `root` that are not in `signalled`, and adds them to it.
pub(crate) fn signal_new_descendants(root: i32, signal: i32, signalled: &mut HashSet<i32>) {
    let is_own = root == std::process::id() as i32;
    for pid in children_of(root) {
        // A child of this process is not reaped meanwhile. Any other one is the one that was listed, and not
        // a later one with the same id, if it is still a child of its parent after it was opened.
        let process = (!is_own).then(|| Process::find(pid)).flatten();
        if !is_own && (process.is_none() || parent_of(pid) != Some(root)) {
            continue;
        }
        if signalled.insert(pid) {
            match process {
                Some(process) => process.signal(signal),
                None => drop(crate::sys::kill(pid, signal)), // It may refuse that.
            }
        }
        signal_new_descendants(pid, signal, signalled);
    }
}

/// Kills every other process that has `mark` in its environment, and waits until they have ended.
pub(crate) fn kill_marked(mark: &str, deadline: Instant) {
    loop {
        // It is opened before the environment is read, so that both are of one process.
        let open = |pid| Process::find(pid).filter(|_| is_marked(pid, mark));
        let others = all_processes().filter(|pid| *pid != std::process::id() as i32);
        let marked: Vec<_> = others.filter_map(open).collect();
        marked.iter().for_each(|process| process.signal(libc::SIGKILL));
        marked.iter().for_each(|process| process.wait(deadline));
        // One of them may have spawned another meanwhile.
        if marked.is_empty() || Instant::now() >= deadline {
            return;
        }
    }
}

/// Waits until a process that is exiting has ended, and its files and sockets are closed.
pub(crate) fn wait_if_ending(pid: i32, deadline: Instant) {
    // The descriptor is opened first, so that it means the process that is checked.
    let Some(process) = Process::find(pid) else { return };
    if is_ending(pid) == Some(true) {
        process.wait(deadline);
    }
}
