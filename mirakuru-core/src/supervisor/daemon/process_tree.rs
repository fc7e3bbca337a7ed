//! The server and all that it has spawned, as their supervisor sees them.
//!
//! Only children that are not reaped are asked to end, so a number always means the process that it
//! meant before. What is deeper in the tree comes up when its parent ends, wave by wave, because
//! the supervisor adopts orphans. `ECHILD` is then the proof that nothing is left.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::libc;

use super::readiness_fds::ReadinessFds;
use crate::supervisor::protocol::{Event, LOADER_PREFIX, LOADER_VARIABLES, Settings, VARIABLE};
use crate::sys::{self, FdSlots, Reaped};

/// How long a kill signal other than SIGKILL may take.
const KILL_SIGNAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How often the tree is looked at while it is being stopped. An orphan that comes up because its
/// parent ended by itself is announced by nobody.
const TICK: Duration = Duration::from_millis(10);

pub(super) struct ProcessTree {
    settings: Settings,
    /// The server's program, its name for itself, and its arguments.
    command: Vec<OsString>,
    channels: ReadinessFds,
    stage: Stage,
    main: i32,
    main_ended: bool,
    /// Which of those that a launcher leaves is the main process, if one of them said so.
    announced_main: Option<i32>,
    forced: bool,
    /// What is to be told.
    events: Vec<Event>,
}

enum Stage {
    /// There is no server.
    Idle,
    Running,
    /// The main process has been asked to end; when it has, the others are.
    Stopping {
        signal: i32,
        deadline: Instant,
        asked: HashSet<i32>,
        /// Whether SIGKILL comes next.
        is_last: bool,
    },
    /// Everything gets SIGKILL until nothing is left.
    Killing,
}

impl ProcessTree {
    pub(super) fn new(settings: Settings, command: Vec<OsString>, numbers: FdSlots) -> Self {
        Self {
            channels: ReadinessFds::new(numbers, &settings),
            settings,
            command,
            stage: Stage::Idle,
            main: 0,
            main_ended: true,
            announced_main: None,
            forced: false,
            events: Vec::new(),
        }
    }

    /// Whether nothing of the server is there.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// The main process, if there is a server.
    pub(super) fn main(&self) -> Option<i32> {
        (!self.is_idle()).then_some(self.main)
    }

    /// When to look at the tree again, though nothing has happened.
    pub(super) fn timeout(&self) -> Option<Duration> {
        match &self.stage {
            Stage::Idle | Stage::Running => None,
            Stage::Stopping { deadline, .. } => {
                Some(deadline.saturating_duration_since(Instant::now()).min(TICK))
            }
            Stage::Killing => Some(TICK),
        }
    }

    /// What has happened since this was last asked.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        mem::take(&mut self.events)
    }

    /// Removes the server's own folder, and the socket that it speaks to.
    pub(super) fn remove_files(&mut self) {
        self.channels.close();
        if let Some(dir) = &self.settings.dir {
            let _ = fs::remove_dir_all(dir); // A server may have removed it itself.
        }
    }

    /// How the server speaks and listens, beside its standard streams.
    pub(super) fn channels(&self) -> &ReadinessFds {
        &self.channels
    }

    pub(super) fn channels_mut(&mut self) -> &mut ReadinessFds {
        &mut self.channels
    }

    /// Stops the server as its settings say, if it is running.
    pub(super) fn stop_if_running(&mut self) {
        if matches!(self.stage, Stage::Running) {
            self.stop(self.settings.stop_signal, false);
        }
    }

    /// Sends a signal to the main process.
    pub(super) fn signal_main(&self, signal: i32) {
        if !self.main_ended {
            self.signal(self.main, signal);
        }
    }

    pub(super) fn start(&mut self, stdin: Option<OwnedFd>) {
        if !matches!(self.stage, Stage::Idle) {
            return self.tell(Event::Failed(libc::EBUSY));
        }
        if let Err(error) = self.enter_folder() {
            return self.tell(Event::NoFolder(error.raw_os_error().unwrap_or(libc::EIO)));
        }
        match self.spawn(stdin) {
            Ok(child) => {
                self.main = child.id() as i32;
                self.main_ended = false;
                self.announced_main = None;
                self.forced = false;
                self.stage = Stage::Running;
                self.tell(Event::Started(self.main));
            }
            Err(error) => self.tell(Event::Failed(error.raw_os_error().unwrap_or(libc::EIO))),
        }
    }

    fn spawn(&mut self, stdin: Option<OwnedFd>) -> io::Result<Child> {
        let mut command = self.server(stdin);
        self.channels.open(&mut command)?;
        let placed = self.channels.install_fds()?;
        let told = self.channels.with_listen_pid(&command, &self.command)?;
        sys::spawn_tied(&mut command, placed.taken(), told)
    }

    /// Makes the server's own folder, and goes to where the server runs. Not the test process does
    /// it, which may be killed before there is somebody to remove the folder.
    fn enter_folder(&self) -> io::Result<()> {
        if let Some(dir) = &self.settings.dir {
            match DirBuilder::new().mode(0o700).create(dir) {
                // At a restart it is there, with what the server has left in it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.main != 0 => {}
                made => made?,
            }
        }
        self.settings.current_dir.as_ref().map_or(Ok(()), std::env::set_current_dir)
    }

    fn server(&self, stdin: Option<OwnedFd>) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.arg0(&self.command[1]).args(&self.command[2..]).env_remove(VARIABLE);
        for name in LOADER_VARIABLES {
            let kept = format!("{LOADER_PREFIX}{name}");
            let Some(value) = std::env::var_os(&kept) else { continue };
            command.env_remove(kept);
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        command.stdin(stdin.map_or_else(Stdio::null, Stdio::from));
        command
    }

    /// Reaps all that has ended.
    pub(super) fn reap(&mut self) {
        loop {
            match sys::reap() {
                Reaped::Ended { pid, status } if pid == self.main => self.main_has_ended(status),
                Reaped::Ended { .. } => {}
                Reaped::NoneYet => return self.adopt_announced_main(),
                Reaped::Childless => return self.on_no_children(),
            }
        }
    }

    fn main_has_ended(&mut self, status: ExitStatus) {
        self.main_ended = true;
        self.tell(Event::Ended(status.into_raw()));
    }

    /// A launcher has done its work and left a daemon behind, which is the main process now.
    fn adopt_announced_main(&mut self) {
        if !self.main_ended || !matches!(self.stage, Stage::Running) {
            return;
        }
        let left = sys::children_of(own_pid());
        let named = self.announced_main.filter(|pid| left.contains(pid));
        if let Some(announced_main) = named.or(left.first().copied()) {
            self.main_ended = false;
            self.move_to(announced_main);
        }
    }

    /// One of the server's processes says which of them is the main one.
    pub(super) fn name_main(&mut self, pid: i32) {
        self.announced_main = Some(pid);
        // One that is no child yet will be one when its launcher has ended.
        if pid != self.main && !self.main_ended && sys::children_of(own_pid()).contains(&pid) {
            self.move_to(pid);
        }
    }

    fn move_to(&mut self, pid: i32) {
        self.main = pid;
        self.tell(Event::MainChanged(pid));
    }

    fn on_no_children(&mut self) {
        let group_left = !sys::ADOPTS_ORPHANS && sys::kill(-self.main, 0).is_ok();
        if matches!(self.stage, Stage::Idle) || group_left {
            return;
        }
        self.stage = Stage::Idle;
        self.tell(Event::TreeExited(self.forced.into()));
    }

    /// Asks the main process to end and then the others, or everything at once.
    pub(super) fn stop(&mut self, signal: i32, everything: bool) {
        if matches!(self.stage, Stage::Idle) {
            // It was told before that nothing is left.
            return;
        }
        if signal == libc::SIGKILL && everything {
            self.stage = Stage::Killing;
            return;
        }
        let mut asked = HashSet::new();
        if !everything && !self.main_ended {
            self.ask(self.main, signal);
            asked.insert(self.main);
        }
        // Nothing that is paused can do what it is asked, or what its parent asks it.
        self.signal_tree(libc::SIGCONT);
        // To ask everything at once is to behave as if the main process had ended.
        self.main_ended |= everything;
        let time = if everything { KILL_SIGNAL_TIMEOUT } else { self.settings.stop_timeout };
        let is_last = everything || self.settings.kill_signal == libc::SIGKILL;
        self.stage = Stage::Stopping { signal, deadline: Instant::now() + time, asked, is_last };
    }

    /// Takes the next step of a stop: the next wave, or harder means.
    pub(super) fn escalate(&mut self) {
        match &mut self.stage {
            Stage::Idle | Stage::Running => return,
            Stage::Stopping { deadline, is_last, .. } if Instant::now() >= *deadline => {
                self.forced = true;
                self.stage = if *is_last { Stage::Killing } else { self.kill_stage() };
            }
            Stage::Stopping { .. } | Stage::Killing => {}
        }
        let reachable = self.reachable();
        match &mut self.stage {
            Stage::Stopping { signal, asked, .. } if self.main_ended => {
                let signal = *signal;
                let new: Vec<_> = reachable.into_iter().filter(|pid| asked.insert(*pid)).collect();
                new.into_iter().for_each(|pid| self.ask(pid, signal));
            }
            Stage::Killing => {
                reachable.into_iter().for_each(|pid| self.signal(pid, libc::SIGKILL));
            }
            _ => {}
        }
    }

    /// The user's kill signal, to everything at once.
    fn kill_stage(&mut self) -> Stage {
        self.main_ended = true;
        Stage::Stopping {
            signal: self.settings.kill_signal,
            deadline: Instant::now() + KILL_SIGNAL_TIMEOUT,
            asked: HashSet::new(),
            is_last: true,
        }
    }

    /// What can be signalled safely: children that are not reaped, or else the server's group.
    fn reachable(&self) -> Vec<i32> {
        if sys::ADOPTS_ORPHANS { sys::children_of(own_pid()) } else { vec![-self.main] }
    }

    /// A paused process can only end when it is continued.
    fn ask(&self, pid: i32, signal: i32) {
        self.signal(pid, signal);
        self.signal(pid, libc::SIGCONT);
    }

    fn signal(&self, pid: i32, signal: i32) {
        let _ = sys::kill(pid, signal); // It may have ended, and is then a zombie of ours.
    }

    /// Sends a signal to everything.
    pub(super) fn signal_tree(&self, signal: i32) {
        if sys::ADOPTS_ORPHANS {
            sys::signal_descendants(own_pid(), signal);
        } else {
            self.signal(-self.main, signal);
        }
    }

    fn tell(&mut self, event: Event) {
        self.events.push(event);
    }
}

fn own_pid() -> i32 {
    std::process::id() as i32
}
