//! The supervisor's loop: one thread that starts the server, reaps, and stops what is left.
//!
//! It ends only children of its own that it has not reaped, so a number always means the process
//! that it meant before. What is deeper in the tree comes up when its parent ends, wave by wave,
//! because the supervisor adopts orphans. `ECHILD` is then the proof that nothing is left.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io;
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::Signal;

use super::wire::{
    Event, FRAME_LEN, Frame, LOADER_PREFIX, LOADER_VARIABLES, Request, Settings, VARIABLE,
};
use crate::sys::{self, Reaped};

/// How long a kill signal other than SIGKILL may take.
const LAST_RESORT: Duration = Duration::from_secs(1);

/// How often the tree is looked at while it is being stopped. An orphan that comes up because its
/// parent ended by itself is announced by nobody.
const TICK: Duration = Duration::from_millis(10);

pub(super) struct Keeper {
    settings: Settings,
    /// The server's program, its name for itself, and its arguments.
    command: Vec<OsString>,
    control: UnixStream,
    signals: OwnedFd,
    holds: Vec<OwnedFd>,
    stage: Stage,
    main: i32,
    main_ended: bool,
    forced: bool,
    /// Whether to end when the tree is empty.
    leaving: bool,
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
    },
    /// Everything gets SIGKILL until nothing is left.
    Killing,
}

impl Keeper {
    pub(super) fn new(settings: Settings, arguments: Vec<OsString>) -> io::Result<Self> {
        sys::close_inherited();
        sys::new_session();
        sys::adopt_orphans();
        sys::ignore_sigpipe();
        sys::set_name(c"mirakuru");
        let wake_up = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
        Ok(Self {
            settings,
            command: arguments.into_iter().skip(1).collect(),
            control: UnixStream::from(sys::standard_input()?),
            signals: sys::signal_pipe(&wake_up)?,
            holds: Vec::new(),
            stage: Stage::Idle,
            main: 0,
            main_ended: true,
            forced: false,
            leaving: false,
        })
    }

    /// Keeps the server until nobody holds the control socket and nothing of the server is left.
    pub(super) fn run(mut self) {
        while !(self.leaving && matches!(self.stage, Stage::Idle)) {
            self.wait();
            self.reap();
            self.escalate();
        }
        if let Some(dir) = &self.settings.dir {
            let _ = fs::remove_dir_all(dir); // A server may have removed it itself.
        }
    }

    fn wait(&mut self) {
        let timeout = match &self.stage {
            Stage::Idle | Stage::Running => None,
            Stage::Stopping { deadline, .. } => {
                Some(deadline.saturating_duration_since(Instant::now()).min(TICK))
            }
            Stage::Killing => Some(TICK),
        };
        let control = if self.leaving { None } else { Some(self.control.as_fd()) };
        let fds: Vec<_> = [Some(self.signals.as_fd()), control].into_iter().flatten().collect();
        let ready = sys::wait_readable(&fds, timeout).unwrap_or_default();
        if ready.first() == Some(&true) {
            self.read_signals();
        }
        if ready.get(1) == Some(&true) {
            self.read_request();
        }
    }

    fn read_signals(&mut self) {
        let mut numbers = [0; 64];
        let length = nix::unistd::read(&self.signals, &mut numbers).unwrap_or(0);
        if numbers[..length].iter().any(|number| i32::from(*number) != libc::SIGCHLD) {
            self.leave();
        }
    }

    fn read_request(&mut self) {
        let mut bytes = [0; FRAME_LEN];
        let (request, fds) = match sys::receive(&self.control, &mut bytes) {
            Ok((FRAME_LEN, fds)) => (Request::from_bytes(bytes), fds),
            // End of file: nobody holds the other end any more, whatever became of them.
            _ => return self.leave(),
        };
        match request {
            Some(Request::Hold) => self.holds.extend(fds),
            Some(Request::Start) => self.start(fds.into_iter().next()),
            Some(Request::Signal(signal)) if !self.main_ended => self.signal(self.main, signal),
            Some(Request::Signal(_)) => {}
            Some(Request::Stop(signal)) => self.stop(signal, false),
            Some(Request::Kill(signal)) => self.stop(signal, true),
            Some(Request::Pause) => self.signal_tree(libc::SIGSTOP),
            Some(Request::Resume) => self.signal_tree(libc::SIGCONT),
            None => self.leave(),
        }
    }

    fn start(&mut self, stdin: Option<OwnedFd>) {
        if !matches!(self.stage, Stage::Idle) {
            return self.tell(Event::Failed(libc::EBUSY));
        }
        if let Err(error) = self.enter_folder() {
            return self.tell(Event::NoFolder(error.raw_os_error().unwrap_or(libc::EIO)));
        }
        match sys::spawn_tied(&mut self.server(stdin)) {
            Ok(child) => {
                self.main = child.id() as i32;
                self.main_ended = false;
                self.forced = false;
                self.stage = Stage::Running;
                self.tell(Event::Started(self.main));
            }
            Err(error) => self.tell(Event::Failed(error.raw_os_error().unwrap_or(libc::EIO))),
        }
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

    fn reap(&mut self) {
        loop {
            match sys::reap() {
                Reaped::Ended { pid, status } if pid == self.main => self.main_has_ended(status),
                Reaped::Ended { .. } => {}
                Reaped::NoneYet => return,
                Reaped::Childless => return self.childless(),
            }
        }
    }

    fn main_has_ended(&mut self, status: ExitStatus) {
        self.main_ended = true;
        self.tell(Event::Ended(status.into_raw()));
        // A launcher has done its work and left a daemon behind.
        if let (Stage::Running, Some(heir)) = (&self.stage, sys::children_of(own_pid()).first()) {
            self.main = *heir;
            self.main_ended = false;
            self.tell(Event::Moved(self.main));
        }
    }

    fn childless(&mut self) {
        let group_left = !sys::ADOPTS_ORPHANS && sys::kill(-self.main, 0).is_ok();
        if matches!(self.stage, Stage::Idle) || group_left {
            return;
        }
        self.stage = Stage::Idle;
        self.tell(Event::Empty(self.forced.into()));
    }

    /// Ends when the server has, which is stopped now.
    fn leave(&mut self) {
        self.leaving = true;
        self.holds.clear();
        if matches!(self.stage, Stage::Running) {
            self.stop(self.settings.stop_signal, false);
        }
    }

    fn stop(&mut self, signal: i32, everything: bool) {
        if matches!(self.stage, Stage::Idle) {
            // It was told before that nothing is left.
            return;
        }
        let deadline = Instant::now() + self.settings.stop_timeout;
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
        self.stage = Stage::Stopping { signal, deadline, asked };
    }

    /// Takes the next step of a stop: the next wave, or harder means.
    fn escalate(&mut self) {
        let stage = mem::replace(&mut self.stage, Stage::Idle);
        self.stage = match stage {
            Stage::Stopping { signal, deadline, mut asked } if Instant::now() < deadline => {
                if self.main_ended {
                    for pid in self.reachable() {
                        if asked.insert(pid) {
                            self.ask(pid, signal);
                        }
                    }
                }
                Stage::Stopping { signal, deadline, asked }
            }
            Stage::Stopping { .. }
                if !self.forced && self.settings.kill_signal != libc::SIGKILL =>
            {
                self.forced = true;
                self.main_ended = true;
                let deadline = Instant::now() + LAST_RESORT;
                let signal = self.settings.kill_signal;
                Stage::Stopping { signal, deadline, asked: HashSet::new() }
            }
            Stage::Stopping { .. } => {
                self.forced = true;
                Stage::Killing
            }
            stage => stage,
        };
        if matches!(self.stage, Stage::Killing) {
            self.reachable().into_iter().for_each(|pid| self.signal(pid, libc::SIGKILL));
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

    fn signal_tree(&self, signal: i32) {
        if sys::ADOPTS_ORPHANS {
            sys::signal_descendants(own_pid(), signal);
        } else {
            self.signal(-self.main, signal);
        }
    }

    fn tell(&self, event: Event) {
        let _ = sys::send(&self.control, &event.to_bytes(), &[]); // Nobody may be left to hear it.
    }
}

fn own_pid() -> i32 {
    std::process::id() as i32
}
