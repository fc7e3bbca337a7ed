//! A supervisor, as other processes know it.

use std::time::{Duration, Instant};

use crate::sys;

/// The time that killed processes may take to end.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that another process needs to talk to a supervisor, besides a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SupervisorInfo {
    pub(crate) pid: i32,
    /// When it started, in the kernel's unit. A later process with its id started at another time.
    pub(crate) started: u64,
    /// A variable in the environment of the server, with its value.
    pub(crate) mark: String,
    /// The name of the server in messages.
    pub(crate) name: String,
    pub(crate) stop_timeout: Duration,
}

impl SupervisorInfo {
    /// Returns the supervisor as a process whose end can be noticed.
    pub(crate) fn process(&self) -> Option<sys::Process> {
        sys::Process::open(self.pid, self.started)
    }

    /// Kills what the supervisor has left if it was killed itself. Returns false if it lives.
    pub(crate) fn sweep(&self) -> bool {
        // The kernel closes its sockets before it is gone.
        let is_lost = self.process().is_none() || sys::is_ending(self.pid) == Some(true);
        if is_lost {
            sys::kill_marked(&self.mark, Instant::now() + SWEEP_TIMEOUT);
        }
        is_lost
    }
}
