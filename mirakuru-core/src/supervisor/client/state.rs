//! What a client knows of its server, from what the supervisor tells.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::supervisor::protocol::Event;
use crate::types::Exit;

/// What is known of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) main: i32,
    /// How the main process ended.
    pub(crate) exit: Option<Exit>,
    /// How a process ended that was the main one before.
    pub(crate) previous_main_exit: Option<Exit>,
    pub(crate) lease: LeaseStatus,
    /// How many leases there are, if that was told.
    pub(crate) lease_count: Option<usize>,
    /// Somebody who has a lease, if that was told.
    pub(crate) holder_pid: i32,
    /// How often leases have changed hands while this one was waited for.
    pub(crate) hand_overs: u32,
    /// Whether the supervisor has ended.
    pub(crate) is_disconnected: bool,
}

/// What became of the request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseStatus {
    Queued,
    /// There are so many leases now.
    Granted(usize),
    /// The test would wait for itself.
    SelfDeadlock,
    /// The server has ended.
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    /// It could not be started, for this reason (an `errno`).
    Failed(i32),
    /// Its folder could not be made or entered, for this reason (an `errno`).
    NoFolder(i32),
    /// Something of the server is there.
    Running,
    /// Nothing of the server is left.
    Ended,
    /// The supervisor is gone, and the server with it.
    SupervisorKilled,
}

impl State {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            phase,
            main: 0,
            exit: None,
            previous_main_exit: None,
            lease: LeaseStatus::Queued,
            lease_count: None,
            holder_pid: 0,
            hand_overs: 0,
            is_disconnected: false,
        }
    }

    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Started(pid) => {
                (self.phase, self.main) = (Phase::Running, pid);
                (self.exit, self.previous_main_exit) = (None, None);
            }
            Event::Failed(errno) => self.phase = Phase::Failed(errno),
            Event::NoFolder(errno) => self.phase = Phase::NoFolder(errno),
            Event::Ended(status) => self.exit = Some(Exit::new(ExitStatus::from_raw(status))),
            Event::MainChanged(pid) => {
                self.main = pid;
                self.previous_main_exit = self.exit.take();
            }
            Event::Granted(leases) => self.lease = LeaseStatus::Granted(leases as usize),
            Event::SelfDeadlock => self.lease = LeaseStatus::SelfDeadlock,
            Event::LeaseRevoked => self.lease = LeaseStatus::Revoked,
            // It is for whoever waits, not about the server's state.
            Event::ReadinessFd(_) => {}
            Event::LeaseCount { leases, holder_pid } => {
                (self.lease_count, self.holder_pid) = (Some(leases as usize), holder_pid);
                self.hand_overs += 1;
            }
            Event::TreeExited(forced) => {
                self.phase = Phase::Ended;
                self.exit = self.exit.map(|exit| exit.with_killed(forced != 0));
            }
        }
    }

    /// The supervisor is gone.
    pub(super) fn lose(&mut self) {
        self.is_disconnected = true;
        if self.phase != Phase::Ended {
            self.phase = Phase::SupervisorKilled;
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// How the server ended, if nothing of it is left.
    pub(crate) fn ended(&self) -> Option<Exit> {
        self.exit.filter(|_| self.phase == Phase::Ended)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a previous_main_exit leaves behind that failed is not what was to run.
        let failed =
            self.previous_main_exit.filter(|previous_main_exit| !previous_main_exit.success());
        match (self.phase, self.exit.or(failed)) {
            (Phase::Running, None) => write!(f, "running as pid {}", self.main),
            (Phase::Running, Some(exit)) => write!(f, "{exit}, but left others running"),
            (Phase::Ended, Some(exit)) => write!(f, "{exit}"),
            (Phase::SupervisorKilled, _) => f.write_str("gone, because its supervisor was killed"),
            _ => f.write_str("not started"),
        }
    }
}
