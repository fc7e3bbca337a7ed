//! The server and everything it has spawned.
//!
//! Only children that are not reaped are signalled to end, so a process id always means the process
//! that it meant before. Deeper descendants become children of the supervisor, a subreaper, when
//! their parents end. They are reached wave by wave, and `ECHILD` proves that nothing is left.

use std::ffi::OsString;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::libc;

use super::output::OutputPipes;
use super::readiness_fds::ReadinessFds;
use super::shared_memory::SharedMemory;
use super::stages::Stage;
use crate::diagnostics::other_server;
use crate::supervisor::job::Job;
use crate::supervisor::protocol::Event;
use crate::supervisor::settings::Settings;
use crate::sys::{self, FdSlots, Reaped};

/// The interval at which the tree is checked while it is being stopped. No event announces an orphan
/// whose parent ended by itself.
const TICK: Duration = Duration::from_millis(10);

/// The server and its descendants.
pub(super) struct ProcessTree {
    pub(super) settings: Settings,
    /// The supervisor adopts orphans. Otherwise, what has left the server's process group is found by its
    /// environment only.
    pub(super) adopts: bool,
    /// The environment of the server, and of what sets it up.
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) job: Job,
    /// What its steps have made outside of its directory.
    pub(super) drafts: Vec<PathBuf>,
    pub(super) output: OutputPipes,
    pub(super) readiness_fds: ReadinessFds,
    pub(super) shared_memory: SharedMemory,
    /// The writing end of the standard input of a server that outlives its starter, until it is stopped.
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stage: Stage,
    /// The main process of the last start; 0 before the first.
    pub(super) main: i32,
    pub(super) main_ended: bool,
    /// The main process is a step before the server, which leaves nothing behind.
    pub(super) is_step: bool,
    /// The step beside the server.
    pub(super) step: Option<i32>,
    /// The process that announced itself as the main one (`MAINPID`).
    pub(super) announced_main: Option<i32>,
    pub(super) was_killed: bool,
    /// What the main process with this id ignored when the server was ready.
    pub(super) ignored: Option<(i32, u64)>,
    /// A signal to a process of it was refused.
    pub(super) was_refused: bool,
    events: Vec<Event>,
}

impl ProcessTree {
    pub(super) fn new(
        settings: Settings,
        adopts: bool,
        environment: Vec<(OsString, OsString)>,
        job: Job,
        output: OutputPipes,
        fd_slots: FdSlots,
    ) -> Self {
        Self {
            output,
            readiness_fds: ReadinessFds::new(fd_slots, &settings),
            settings,
            adopts,
            environment,
            job,
            drafts: Vec::new(),
            shared_memory: SharedMemory::begin(),
            stdin: None,
            stage: Stage::Idle,
            main: 0,
            main_ended: true,
            is_step: false,
            step: None,
            announced_main: None,
            was_killed: false,
            ignored: None,
            was_refused: false,
            events: Vec::new(),
        }
    }

    /// Returns true if nothing of the server exists.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// Returns the main process, if there is a server.
    pub(super) fn main(&self) -> Option<i32> {
        (!self.is_idle()).then_some(self.main)
    }

    /// Returns the time until the next check that no event asks for.
    pub(super) fn timeout(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Idle | Stage::Running => None,
            Stage::Stopping(stop) => {
                Some(stop.deadline.saturating_duration_since(Instant::now()).min(TICK))
            }
            Stage::Killing => Some(TICK),
        }
    }

    /// Takes the events since the last call.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    /// Removes the server's temporary directory, its `sd_notify` socket, and what its steps were making.
    pub(super) fn remove_files(&mut self) {
        self.readiness_fds.close();
        for path in self.settings.dir.iter().chain(&self.drafts) {
            let _ = sys::remove_tree(path); // It may be gone.
        }
    }

    pub(super) fn output(&self) -> &OutputPipes {
        &self.output
    }

    pub(super) fn output_mut(&mut self) -> &mut OutputPipes {
        &mut self.output
    }

    pub(super) fn readiness_fds(&self) -> &ReadinessFds {
        &self.readiness_fds
    }

    pub(super) fn readiness_fds_mut(&mut self) -> &mut ReadinessFds {
        &mut self.readiness_fds
    }

    /// Notes what the server has mapped: if it crashes later, the kernel does not show that any more.
    pub(super) fn note_mapped(&mut self) {
        self.shared_memory.note_mapped(own_pid());
    }

    /// Notes which signals the main process ignores. A stop would take longer if it had to look that up.
    pub(super) fn note_ignored(&mut self) {
        self.ignored = Some((self.main, sys::ignored_signals(self.main)));
    }

    /// Returns true if the main process ignores a signal. One that did not when it was ready does not later.
    pub(super) fn main_ignores(&self, signal: i32) -> bool {
        let contains = |signals: u64| {
            signals.checked_shr(signal as u32 - 1).is_some_and(|signals| signals & 1 == 1)
        };
        let noted = self.ignored.filter(|(pid, _)| *pid == self.main);
        noted.is_none_or(|(_, ignored)| contains(ignored))
            && contains(sys::ignored_signals(self.main))
    }

    /// Reaps all children that have ended.
    pub(super) fn reap(&mut self) {
        loop {
            match sys::reap() {
                Reaped::Ended { pid, status } => {
                    self.shared_memory.add(pid);
                    if pid == self.main {
                        self.on_main_ended(status);
                    } else if self.step == Some(pid) {
                        self.on_step_ended(pid, status);
                    }
                }
                Reaped::NoneYet => return self.adopt_main(),
                Reaped::Childless => return self.on_no_children(),
            }
        }
    }

    fn on_main_ended(&mut self, status: ExitStatus) {
        self.main_ended = true;
        let has_crashed = match &self.stage {
            Stage::Stopping(stop) => status.signal().is_some_and(|signal| signal != stop.signal),
            _ => !status.success(),
        };
        if has_crashed {
            self.shared_memory.abandon();
        }
        self.emit(Event::Ended(status.into_raw()));
    }

    fn on_step_ended(&mut self, pid: i32, status: ExitStatus) {
        self.step = None;
        if !self.adopts {
            let _ = sys::kill(-pid, libc::SIGKILL); // Later, its group is not known.
        }
        // What is killed with the server has not failed by itself.
        if matches!(self.stage, Stage::Running) {
            self.emit(Event::StepEnded(status.into_raw()));
        }
    }

    /// Chooses the main process among what a launcher has left behind, such as a daemon.
    fn adopt_main(&mut self) {
        if !self.main_ended || !matches!(self.stage, Stage::Running) {
            return;
        }
        if self.is_step {
            self.stage = Stage::Killing;
            return;
        }
        let mut left = sys::children_of(own_pid());
        left.retain(|pid| Some(*pid) != self.step);
        if left.is_empty() {
            // The server has ended. Only its step is left.
            self.stage = Stage::Killing;
        }
        let announced = self.announced_main.filter(|pid| left.contains(pid));
        if let Some(main) = announced.or(left.first().copied()) {
            self.main_ended = false;
            self.change_main(main);
        }
    }

    /// Takes the word of one of the server's processes which of them is the main one.
    pub(super) fn announce_main(&mut self, pid: i32) {
        self.announced_main = Some(pid);
        // A process that is no child yet becomes one when its launcher ends.
        if pid != self.main && !self.main_ended && sys::children_of(own_pid()).contains(&pid) {
            self.change_main(pid);
        }
    }

    fn change_main(&mut self, pid: i32) {
        self.main = pid;
        self.emit(Event::MainChanged(pid));
    }

    fn on_no_children(&mut self) {
        if self.is_idle() {
            return;
        }
        if !self.adopts {
            if sys::is_group_alive(self.main) {
                if self.is_step {
                    self.stage = Stage::Killing;
                }
                return;
            }
            other_server::kill_marked_by(&self.environment);
        }
        self.shared_memory.remove();
        self.stage = Stage::Idle;
        self.emit(Event::TreeExited(self.was_killed.into()));
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push(event);
    }
}

pub(super) fn own_pid() -> i32 {
    std::process::id() as i32
}
