//! The server and everything it has spawned.
//!
//! Only children that are not reaped are signalled to end, so a process id always means the process
//! that it meant before. Deeper descendants become children of the supervisor, a subreaper, when
//! their parents end. They are reached wave by wave, and `ECHILD` proves that nothing is left.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use nix::libc;

use super::output::OutputPipes;
use super::readiness_fds::ReadinessFds;
use super::server_command;
use crate::supervisor::protocol::Event;
use crate::supervisor::settings::Settings;
use crate::sys::{self, FdSlots, Reaped};

/// The time between a kill signal other than SIGKILL and the SIGKILL that follows it.
const KILL_SIGNAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The interval at which the tree is checked while it is being stopped. No event announces an orphan
/// whose parent ended by itself.
const TICK: Duration = Duration::from_millis(10);

/// The server and its descendants.
pub(super) struct ProcessTree {
    settings: Settings,
    /// The server's program, its `argv[0]`, and its arguments.
    command: Vec<OsString>,
    output: OutputPipes,
    readiness_fds: ReadinessFds,
    stage: Stage,
    /// The main process of the last start; 0 before the first.
    main: i32,
    main_ended: bool,
    /// The process that announced itself as the main one (`MAINPID`).
    announced_main: Option<i32>,
    was_killed: bool,
    events: Vec<Event>,
}

enum Stage {
    /// There is no server.
    Idle,
    Running,
    Stopping(Stop),
    /// Everything gets SIGKILL until nothing is left.
    Killing,
}

/// A stop by a signal that processes can handle.
struct Stop {
    signal: i32,
    deadline: Instant,
    wave: Wave,
    /// The processes that were sent the signal.
    signalled: HashSet<i32>,
    /// SIGKILL follows at the deadline, instead of the configured kill signal.
    is_last: bool,
}

/// The processes that a stop has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wave {
    /// The main process, which ends its own children if it can.
    Main,
    /// Everything.
    All,
}

impl Wave {
    /// The first wave ends with the main process.
    fn next(self, main_ended: bool) -> Self {
        if main_ended { Self::All } else { self }
    }
}

impl ProcessTree {
    pub(super) fn new(
        settings: Settings,
        command: Vec<OsString>,
        output: OutputPipes,
        fd_slots: FdSlots,
    ) -> Self {
        Self {
            output,
            readiness_fds: ReadinessFds::new(fd_slots, &settings),
            settings,
            command,
            stage: Stage::Idle,
            main: 0,
            main_ended: true,
            announced_main: None,
            was_killed: false,
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

    /// Removes the server's temporary directory and its `sd_notify` socket.
    pub(super) fn remove_files(&mut self) {
        self.readiness_fds.close();
        if let Some(dir) = &self.settings.dir {
            let _ = fs::remove_dir_all(dir); // The server may have removed it.
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

    pub(super) fn start(&mut self, stdin: Option<OwnedFd>) {
        if !self.is_idle() {
            return self.emit(Event::StartFailed(libc::EBUSY));
        }
        if let Err(error) = server_command::enter_dir(&self.settings, self.main != 0) {
            return self.emit(Event::NoDirectory(error.raw_os_error().unwrap_or(libc::EIO)));
        }
        match self.spawn(stdin) {
            Ok(child) => {
                self.main = child.id() as i32;
                self.main_ended = false;
                self.announced_main = None;
                self.was_killed = false;
                self.stage = Stage::Running;
                self.emit(Event::Started(self.main));
            }
            Err(error) => {
                self.emit(Event::StartFailed(error.raw_os_error().unwrap_or(libc::EIO)));
            }
        }
    }

    fn spawn(&mut self, stdin: Option<OwnedFd>) -> io::Result<Child> {
        let mut command = server_command::server_command(&self.command, stdin);
        self.output.connect(&mut command)?;
        self.readiness_fds.open(&mut command)?;
        let fds = self.readiness_fds.install_fds()?;
        let with_listen_pid = self.readiness_fds.with_listen_pid(&command, &self.command)?;
        sys::spawn_with_pdeathsig(&mut command, fds.numbers(), with_listen_pid)
    }

    /// Reaps all children that have ended.
    pub(super) fn reap(&mut self) {
        loop {
            match sys::reap() {
                Reaped::Ended { pid, status } if pid == self.main => self.on_main_ended(status),
                Reaped::Ended { .. } => {}
                Reaped::NoneYet => return self.adopt_main(),
                Reaped::Childless => return self.on_no_children(),
            }
        }
    }

    fn on_main_ended(&mut self, status: ExitStatus) {
        self.main_ended = true;
        self.emit(Event::Ended(status.into_raw()));
    }

    /// Chooses the main process among what a launcher has left behind, such as a daemon.
    fn adopt_main(&mut self) {
        if !self.main_ended || !matches!(self.stage, Stage::Running) {
            return;
        }
        let left = sys::children_of(own_pid());
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
        let group_left = !sys::HAS_SUBREAPER && sys::kill(-self.main, 0).is_ok();
        if self.is_idle() || group_left {
            return;
        }
        self.stage = Stage::Idle;
        self.emit(Event::TreeExited(self.was_killed.into()));
    }

    /// Stops the server as its settings say, if it is running.
    pub(super) fn stop_if_running(&mut self) {
        if matches!(self.stage, Stage::Running) {
            self.stop(self.settings.stop_signal, Wave::Main);
        }
    }

    /// Begins a stop, which reaches at once what belongs to `wave`.
    pub(super) fn stop(&mut self, signal: i32, wave: Wave) {
        if self.is_idle() {
            return; // `TreeExited` was sent before.
        }
        if signal == libc::SIGKILL && wave == Wave::All {
            self.stage = Stage::Killing;
            return;
        }
        let mut stop = match wave {
            Wave::Main => Stop::gentle(signal, &self.settings),
            Wave::All => Stop::kill(signal),
        };
        if matches!(&self.stage, Stage::Stopping(before) if before.wave == Wave::All) {
            stop.wave = Wave::All; // What a stop has reached, the next one reaches at once.
        }
        if stop.wave == Wave::Main && !self.main_ended {
            self.signal_to_end(self.main, signal);
            stop.signalled.insert(self.main);
        }
        // A paused process could not handle the signal, nor what its parent then sends it.
        self.signal_tree(libc::SIGCONT);
        self.stage = Stage::Stopping(stop);
    }

    /// Continues a stop: with the next wave, or with a stronger signal after the deadline.
    pub(super) fn escalate(&mut self) {
        let stage = mem::replace(&mut self.stage, Stage::Idle);
        self.stage = match stage {
            Stage::Stopping(stop) if Instant::now() >= stop.deadline => {
                self.was_killed = true;
                let kill_signal = self.settings.kill_signal;
                self.signal_wave(if stop.is_last {
                    Stage::Killing
                } else {
                    Stage::Stopping(Stop::kill(kill_signal))
                })
            }
            stage => self.signal_wave(stage),
        };
    }

    /// Signals what the stage is to reach now, and returns the stage after that.
    fn signal_wave(&self, mut stage: Stage) -> Stage {
        match &mut stage {
            Stage::Idle | Stage::Running => {}
            Stage::Stopping(stop) => {
                stop.wave = stop.wave.next(self.main_ended);
                if stop.wave == Wave::All {
                    for pid in self.reachable() {
                        if stop.signalled.insert(pid) {
                            self.signal_to_end(pid, stop.signal);
                        }
                    }
                }
            }
            Stage::Killing => {
                self.reachable().into_iter().for_each(|pid| self.signal(pid, libc::SIGKILL));
            }
        }
        stage
    }

    /// Returns what can be signalled safely: children that are not reaped, or where there is no
    /// subreaper, the server's process group.
    fn reachable(&self) -> Vec<i32> {
        if sys::HAS_SUBREAPER { sys::children_of(own_pid()) } else { vec![-self.main] }
    }

    /// Sends a signal to the main process.
    pub(super) fn signal_main(&self, signal: i32) {
        if !self.main_ended {
            self.signal(self.main, signal);
        }
    }

    /// Sends a signal to everything.
    pub(super) fn signal_tree(&self, signal: i32) {
        if sys::HAS_SUBREAPER {
            sys::signal_descendants(own_pid(), signal);
        } else {
            self.signal(-self.main, signal);
        }
    }

    /// Sends a signal that ends a process, which a paused one handles only when it is continued.
    fn signal_to_end(&self, pid: i32, signal: i32) {
        self.signal(pid, signal);
        self.signal(pid, libc::SIGCONT);
    }

    fn signal(&self, pid: i32, signal: i32) {
        let _ = sys::kill(pid, signal); // If it has ended, it is still a zombie of ours.
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl Stop {
    /// Sends a stop signal to the main process, and to the others when that has ended.
    fn gentle(signal: i32, settings: &Settings) -> Self {
        Self {
            signal,
            deadline: Instant::now() + settings.stop_timeout,
            wave: Wave::Main,
            signalled: HashSet::new(),
            is_last: settings.kill_signal == libc::SIGKILL,
        }
    }

    /// Sends the user's kill signal to everything at once.
    fn kill(signal: i32) -> Self {
        Self {
            signal,
            deadline: Instant::now() + KILL_SIGNAL_TIMEOUT,
            wave: Wave::All,
            signalled: HashSet::new(),
            is_last: true,
        }
    }
}

fn own_pid() -> i32 {
    std::process::id() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_reaches_everything_when_the_main_process_has_ended() {
        assert_eq!(Wave::Main.next(false), Wave::Main);
        assert_eq!(Wave::Main.next(true), Wave::All);
        assert_eq!(Wave::All.next(false), Wave::All);
    }
}
