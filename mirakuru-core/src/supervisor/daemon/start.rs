//! Starting the server, and the commands that set it up.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;

use nix::libc;

use super::process_tree::ProcessTree;
use super::server_files;
use super::shared_memory::SharedMemory;
use super::stages::Stage;
use crate::supervisor::job::Job;
use crate::supervisor::protocol::{Event, Start};
use crate::sys::{self, Program};

impl ProcessTree {
    /// Starts the server, or a step before it.
    pub(super) fn start(&mut self, what: Start, fd: Option<OwnedFd>) {
        if let Err(event) = self.try_start(what, fd) {
            self.emit(event);
        }
    }

    fn try_start(&mut self, what: Start, fd: Option<OwnedFd>) -> Result<(), Event> {
        if !self.is_idle() {
            return Err(Event::StartFailed(libc::EBUSY));
        }
        if !self.adopts {
            self.emit(Event::OrphansAreLost);
        }
        let account = self.job.account.as_ref();
        server_files::enter_dir(&self.settings, account, self.main != 0)
            .map_err(|error| Event::NoDirectory(errno_of(&error)))?;
        self.readiness_fds
            .bind_notify_socket(account)
            .map_err(|e| Event::NoSocket(errno_of(&e)))?;
        if what.writes_files {
            server_files::write_files(&self.job)
                .map_err(|(file, error)| Event::NoFile { file, errno: errno_of(&error) })?;
        }
        self.shared_memory = SharedMemory::begin();
        let child = match what.is_step {
            false => self.spawn_server(fd),
            true => self.spawn_step(fd),
        };
        self.main = child.map_err(|error| Event::StartFailed(errno_of(&error)))?;
        (self.main_ended, self.is_step) = (false, what.is_step);
        self.announced_main = None;
        (self.was_killed, self.was_refused) = (false, false);
        self.ignored = None;
        self.stage = Stage::Running;
        self.emit(Event::Started(self.main));
        Ok(())
    }

    fn spawn_server(&mut self, stdin: Option<OwnedFd>) -> io::Result<i32> {
        let streams = self.output.streams(stdin)?;
        self.readiness_fds.open()?;
        let fds = self.readiness_fds.install_fds()?;
        let changed = self.readiness_fds.variables();
        let is_kept = |(name, _): &&(OsString, OsString)| changed.iter().all(|(it, _)| it != name);
        let kept = self.environment.iter().filter(is_kept);
        let has_listeners = self.readiness_fds.has_listeners();
        let program = Program::new(&self.job.command, kept.chain(&changed), has_listeners)?;
        let account = self.job.account.as_ref();
        sys::spawn_with_pdeathsig(&program, &streams, account, &fds.numbers())
    }

    /// Spawns the command of the job in a file.
    fn spawn_step(&mut self, job: Option<OwnedFd>) -> io::Result<i32> {
        let job = job.and_then(|job| Job::read(job.into()));
        let job = job.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let streams = self.output.streams(None)?;
        self.drafts.extend(job.draft);
        let program = Program::new(&job.command, self.environment.iter(), false)?;
        sys::spawn_with_pdeathsig(&program, &streams, job.account.as_ref(), &[])
    }

    /// Returns the command of the server as it was given.
    pub(super) fn command(&self) -> &[OsString] {
        self.job.command.split_first().map_or(&[], |(_path, words)| words)
    }

    /// Runs a step beside the server. What it leaves behind ends with the server.
    pub(super) fn run_step(&mut self, job: Option<OwnedFd>) {
        match self.spawn_step(job) {
            Ok(child) => self.step = Some(child),
            Err(error) => self.emit(Event::StepFailed(errno_of(&error))),
        }
    }
}

fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
