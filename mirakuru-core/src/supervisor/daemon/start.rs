//! Starting the server, and the commands that set it up.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

use nix::libc;

use super::process_tree::ProcessTree;
use super::server_command;
use super::shared_memory::SharedMemory;
use super::stop::Stage;
use crate::supervisor::job::Job;
use crate::supervisor::protocol::{Event, Start};
use crate::sys;

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
        server_command::enter_dir(&self.settings, account, self.main != 0)
            .map_err(|error| Event::NoDirectory(errno_of(&error)))?;
        self.readiness_fds
            .bind_notify_socket(account)
            .map_err(|e| Event::NoSocket(errno_of(&e)))?;
        if what.writes_files {
            server_command::write_files(&self.job)
                .map_err(|(file, error)| Event::NoFile { file, errno: errno_of(&error) })?;
        }
        self.shared_memory = SharedMemory::begin();
        let child = match what.is_step {
            false => self.spawn_server(fd),
            true => self.spawn_step(fd),
        };
        self.main = child.map_err(|error| Event::StartFailed(errno_of(&error)))?.id() as i32;
        (self.main_ended, self.is_step) = (false, what.is_step);
        self.announced_main = None;
        self.was_killed = false;
        self.stage = Stage::Running;
        self.emit(Event::Started(self.main));
        Ok(())
    }

    fn spawn_server(&mut self, stdin: Option<OwnedFd>) -> io::Result<Child> {
        let words = &self.job.command;
        let mut command = server_command::command(words, stdin);
        self.output.connect(&mut command)?;
        self.readiness_fds.open(&mut command)?;
        let fds = self.readiness_fds.install_fds()?;
        let with_listen_pid = self.readiness_fds.with_listen_pid(&command, words)?;
        let account = self.job.account.as_ref();
        sys::spawn_with_pdeathsig(&mut command, account, fds.numbers(), with_listen_pid)
    }

    /// Spawns the command of the job in a file.
    fn spawn_step(&mut self, job: Option<OwnedFd>) -> io::Result<Child> {
        let job = job.and_then(|job| Job::read(job.into()));
        let job = job.ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        let mut command = server_command::command(&job.command, None);
        self.output.connect(&mut command)?;
        self.drafts.extend(job.draft);
        sys::spawn_with_pdeathsig(&mut command, job.account.as_ref(), Vec::new(), None)
    }

    /// Runs a step beside the server. What it leaves behind ends with the server.
    pub(super) fn run_step(&mut self, job: Option<OwnedFd>) {
        match self.spawn_step(job) {
            Ok(child) => self.step = Some(child.id() as i32),
            Err(error) => self.emit(Event::StepFailed(errno_of(&error))),
        }
    }
}

fn errno_of(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}
