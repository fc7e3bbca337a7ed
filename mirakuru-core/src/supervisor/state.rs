//! What a client knows of its server, from what the supervisor tells.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::wire::Event;
use crate::exit::Exit;

/// What is known of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) main: i32,
    /// How the main process ended.
    pub(crate) exit: Option<Exit>,
    /// How a process ended that was the main one before.
    pub(crate) launcher: Option<Exit>,
    pub(crate) lease: Lease,
    /// How many leases there are, if that was told.
    pub(crate) users: Option<usize>,
    /// Somebody who has a lease, if that was told.
    pub(crate) holder: i32,
    /// How often leases have changed hands while this one was waited for.
    pub(crate) turns: u32,
    /// Whether the supervisor has ended.
    pub(crate) is_gone: bool,
}

/// What became of the request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lease {
    Waits,
    /// There are so many leases now.
    Granted(usize),
    /// The test would wait for itself.
    Conflict,
    /// The server has ended.
    Gone,
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
    Lost,
}

impl State {
    pub(super) fn new(phase: Phase) -> Self {
        Self {
            phase,
            main: 0,
            exit: None,
            launcher: None,
            lease: Lease::Waits,
            users: None,
            holder: 0,
            turns: 0,
            is_gone: false,
        }
    }

    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Started(pid) => {
                (self.phase, self.main) = (Phase::Running, pid);
                (self.exit, self.launcher) = (None, None);
            }
            Event::Failed(errno) => self.phase = Phase::Failed(errno),
            Event::NoFolder(errno) => self.phase = Phase::NoFolder(errno),
            Event::Ended(status) => self.exit = Some(Exit::new(ExitStatus::from_raw(status))),
            Event::Moved(pid) => {
                self.main = pid;
                self.launcher = self.exit.take();
            }
            Event::Granted(users) => self.lease = Lease::Granted(users as usize),
            Event::Conflict => self.lease = Lease::Conflict,
            Event::Gone => self.lease = Lease::Gone,
            // It is for whoever waits, not about the server's state.
            Event::Channel(_) => {}
            Event::Users { users, holder } => {
                (self.users, self.holder) = (Some(users as usize), holder);
                self.turns += 1;
            }
            Event::Empty(forced) => {
                self.phase = Phase::Ended;
                self.exit = self.exit.map(|exit| exit.with_forced(forced != 0));
            }
        }
    }

    /// The supervisor is gone.
    pub(super) fn lose(&mut self) {
        self.is_gone = true;
        if self.phase != Phase::Ended {
            self.phase = Phase::Lost;
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
        // What a launcher leaves behind that failed is not what was to run.
        let failed = self.launcher.filter(|launcher| !launcher.success());
        match (self.phase, self.exit.or(failed)) {
            (Phase::Running, None) => write!(f, "running as pid {}", self.main),
            (Phase::Running, Some(exit)) => write!(f, "{exit}, but left others running"),
            (Phase::Ended, Some(exit)) => write!(f, "{exit}"),
            (Phase::Lost, _) => f.write_str("gone, because its supervisor was killed"),
            _ => f.write_str("not started"),
        }
    }
}
