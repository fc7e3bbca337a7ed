//! The state of a server, as the events of its supervisor describe it.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::supervisor::protocol::Event;
use crate::sys;
use crate::types::Exit;

/// The state of a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    pub(crate) main: i32,
    /// The exit of the main process.
    pub(crate) exit: Option<Exit>,
    /// The exit of the process that was the main one before, such as a launcher.
    pub(crate) previous_main_exit: Option<Exit>,
    pub(crate) lease: LeaseStatus,
    /// The number of leases, if the supervisor has sent it.
    pub(crate) lease_count: Option<usize>,
    /// A process that has a lease, if the supervisor has sent it.
    pub(crate) holder_pid: i32,
    /// How many times a lease began or ended, as the supervisor has sent it last.
    pub(crate) hand_overs: u32,
    /// How many times the supervisor has sent the number of leases.
    pub(crate) counts: u32,
    /// The number of the last answer to `Request::Sync`.
    pub(crate) synced: i32,
    /// The server has asked for time to end by itself until then.
    pub(crate) extended_until: Option<Instant>,
    /// Output was lost, because of this `errno`.
    pub(crate) log_failure: Option<i32>,
    /// How the last step beside the server ended, or the `errno` by which it could not be run.
    pub(crate) step: Option<Result<Exit, i32>>,
    /// The supervisor adopts orphans of the server, so that each of its processes is below it.
    pub(crate) adopts: bool,
    /// The supervisor could not begin. Its log says why.
    pub(crate) cannot_begin: bool,
    /// The supervisor has ended.
    pub(crate) is_disconnected: bool,
}

/// The answer to the request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseStatus {
    Queued,
    /// With the number of leases, including this one.
    Granted(usize),
    /// The request would wait for a lease of the same test.
    SelfDeadlock,
    /// Another request has given up waiting for the same lease.
    Overdue,
    /// The server has ended.
    Revoked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    /// The program could not be run; an `errno`.
    StartFailed(i32),
    /// The directory could not be made or entered; an `errno`.
    NoDirectory(i32),
    /// The socket for `sd_notify` could not be made; an `errno`.
    NoSocket(i32),
    /// This file could not be written; an `errno`.
    NoFile(u32, i32),
    /// Some process of the server runs.
    Running,
    /// Nothing of the server is left.
    Ended,
    /// The server cannot be ended, because this process of it cannot be signalled.
    Refused(i32),
    /// The supervisor was killed, and with it the main process.
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
            counts: 0,
            synced: 0,
            extended_until: None,
            log_failure: None,
            step: None,
            adopts: true,
            cannot_begin: false,
            is_disconnected: false,
        }
    }

    pub(super) fn apply(&mut self, event: Event) {
        match event {
            Event::Started(pid) => {
                (self.phase, self.main) = (Phase::Running, pid);
                (self.exit, self.previous_main_exit) = (None, None);
            }
            Event::StartFailed(errno) => self.phase = Phase::StartFailed(errno),
            Event::NoDirectory(errno) => self.phase = Phase::NoDirectory(errno),
            Event::NoSocket(errno) => self.phase = Phase::NoSocket(errno),
            Event::NoFile { file, errno } => self.phase = Phase::NoFile(file, errno),
            Event::StepEnded(status) => {
                self.step = Some(Ok(Exit::new(ExitStatus::from_raw(status))));
            }
            Event::StepFailed(errno) => self.step = Some(Err(errno)),
            Event::Ended(status) => self.exit = Some(Exit::new(ExitStatus::from_raw(status))),
            Event::MainChanged(pid) => {
                self.main = pid;
                self.previous_main_exit = self.exit.take();
            }
            Event::Granted(leases) => self.lease = LeaseStatus::Granted(leases as usize),
            Event::SelfDeadlock => self.lease = LeaseStatus::SelfDeadlock,
            Event::LeaseOverdue => self.lease = LeaseStatus::Overdue,
            Event::LeaseRevoked => self.lease = LeaseStatus::Revoked,
            // The client takes the descriptor.
            Event::ReadinessFd(_) | Event::OutputPipe | Event::Stdin => {}
            Event::CannotBegin => self.cannot_begin = true,
            // They come before the client is made.
            Event::Begun(_) | Event::NotForked(_) => {}
            Event::Synced(number) => self.synced = number,
            Event::OrphansAreLost => self.adopts = false,
            Event::LogFailed(errno) => self.log_failure = Some(errno),
            Event::StopExtended(micros) => {
                self.extended_until = Some(sys::deadline_after(Duration::from_micros(micros)));
            }
            Event::Refused(pid) => self.phase = Phase::Refused(pid),
            Event::LeaseCount { leases, holder_pid, hand_overs } => {
                (self.lease_count, self.holder_pid) = (Some(leases as usize), holder_pid);
                (self.hand_overs, self.counts) = (hand_overs, self.counts.wrapping_add(1));
            }
            Event::TreeExited(was_killed) => {
                self.phase = Phase::Ended;
                self.exit = self.exit.map(|exit| exit.with_killed(was_killed != 0));
            }
        }
    }

    /// Notes that the supervisor has ended.
    pub(super) fn disconnect(&mut self) {
        self.is_disconnected = true;
        if !matches!(self.phase, Phase::Ended | Phase::Refused(_)) {
            self.phase = Phase::SupervisorKilled;
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.phase == Phase::Running
    }

    /// Returns the exit of the server, if nothing of it is left.
    pub(crate) fn ended(&self) -> Option<Exit> {
        self.exit.filter(|_| self.phase == Phase::Ended)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // If a launcher failed, the processes that it left behind are not the server.
        let failed =
            self.previous_main_exit.filter(|previous_main_exit| !previous_main_exit.success());
        match (self.phase, self.exit.or(failed)) {
            (Phase::Running, None) => write!(f, "running as pid {}", self.main),
            (Phase::Running, Some(exit)) => write!(f, "{exit}, but left others running"),
            (Phase::Ended, Some(exit)) => write!(f, "{exit}"),
            (Phase::Refused(pid), _) => {
                write!(f, "running as pid {pid}, which belongs to another user")
            }
            (Phase::SupervisorKilled, _) => f.write_str("gone, because its supervisor was killed"),
            _ => f.write_str("not started"),
        }
    }
}
