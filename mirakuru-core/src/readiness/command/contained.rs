//! A command that runs again and again below a supervisor of its own.
//!
//! It is contained as the process itself is: nothing of it is left behind, even if the test process is
//! killed.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;

use crate::command::{self, CommandLine};
use crate::error::{Error, Result};
use crate::output::LogFiles;
use crate::readiness::condition::StartContext;
use crate::resources::program;
use crate::supervisor::{
    Client, InheritedFds, Job, Phase, Request, Settings, Start, State, SupervisorCommand,
};
use crate::sys;
use crate::types::Exit;
use crate::types::Signal;

/// The time limit for a run that was killed to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of characters of a line that are quoted.
const LINE_MAX: usize = 200;

/// A command and the supervisor that runs it.
pub(super) struct ContainedCommand {
    line: String,
    client: Arc<Client>,
    files: LogFiles,
    /// The program is in `{dir}`, so the process itself may create it.
    may_be_created: bool,
}

/// The result of a run.
pub(super) enum Outcome {
    Success,
    /// It ended in another way; the text includes its last line.
    Failure(String),
    /// It was killed at its time limit; the text includes its last line.
    TooSlow(String),
}

impl ContainedCommand {
    pub(super) fn new(command: &CommandLine, context: &StartContext<'_>) -> Result<Self> {
        let StartContext { name, values, environment, dir, account, .. } = *context;
        let words = command.words()?;
        command::check_words(&words)?;
        let words = words.iter().map(|word| values.render_os(word)).collect::<Result<Vec<_>>>()?;
        let files = LogFiles::create(&format!("{name}-check"), false)?;
        let may_be_created = values.dir().is_some_and(|own| Path::new(&words[0]).starts_with(own));
        let program = program::find_or_expect(&words[0], values.dir(), environment, dir)?;
        let supervisor = SupervisorCommand {
            name: format!("the check of {name}"),
            job: Job::new(&program, &words, account),
            environment: environment.clone(),
            logs: files.open()?,
            settings: settings(dir),
        };
        let client = Client::launch(supervisor, &InheritedFds::default());
        let client = client.map_err(|e| Error::os("the supervisor cannot be started", e))?;
        Ok(Self { line: command::in_one_line(&words), client, files, may_be_created })
    }

    /// Returns the command in one line.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// Returns the file with the output of its last run.
    pub(super) fn log(&self) -> &Path {
        &self.files.stdout
    }

    /// Runs the command once, but not longer than `process` runs.
    pub(super) fn run(&self, deadline: Instant, process: &Client) -> Result<Outcome> {
        // The output of all runs would fill the disk; only that of the last run is of use.
        self.files.clear();
        let began = Instant::now();
        match self.wait_for_end(deadline, process) {
            Some(state) => self.outcome(&state),
            None => {
                self.kill();
                let how = format!("did not end within {:.1?}", began.elapsed());
                Ok(Outcome::TooSlow(self.with_last_line(how)))
            }
        }
    }

    fn outcome(&self, state: &State) -> Result<Outcome> {
        match state.phase {
            // The previous run was killed, and the system has not removed it yet.
            Phase::StartFailed(libc::EBUSY) => {
                Ok(Outcome::Failure("the last run has not ended yet".to_owned()))
            }
            Phase::StartFailed(errno) => {
                let why = io::Error::from_raw_os_error(errno);
                match self.may_be_created {
                    true => Ok(Outcome::Failure(format!("cannot be run yet: {why}"))),
                    false => Err(Error::os(format!("`{}` cannot be run", self.line), why)),
                }
            }
            _ => Ok(match exit_of(state) {
                Some(exit) if exit.success() => Outcome::Success,
                Some(exit) => Outcome::Failure(self.with_last_line(exit.to_string())),
                None => Outcome::Failure(self.with_last_line(state.to_string())),
            }),
        }
    }

    fn with_last_line(&self, how: String) -> String {
        match self.files.last_line() {
            Some(line) => format!("{how}: {}", line.chars().take(LINE_MAX).collect::<String>()),
            None => how,
        }
    }

    /// Waits for the next run to end. Returns `None` if its time was over.
    fn wait_for_end(&self, deadline: Instant, process: &Client) -> Option<State> {
        let started = self.client.start(Start::SERVER, None, deadline);
        self.client.suppress_end_report(); // Its start was not reported either.
        started.ok()?;
        loop {
            let state = self.client.state();
            if state.is_disconnected || !state.is_running() {
                return Some(state);
            }
            if exit_of(&state).is_some() {
                // What it left behind is not waited for, and has to be gone before the next run.
                self.kill();
                return Some(state);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !process.state().is_running() {
                return None;
            }
            let fds = [self.client.as_fd(), process.as_fd()];
            let _ = sys::wait_readable(&fds, Some(left)); // The state is read again in any case.
        }
    }

    fn kill(&self) {
        let _ = self.client.request(Request::Kill(Signal::KILL.number())); // It may have ended already.
        self.client.wait(Instant::now() + STOP_TIMEOUT, |state| !state.is_running());
    }
}

/// Returns the settings of a supervisor that kills each run at its time limit.
fn settings(dir: &Path) -> Settings {
    Settings {
        stop_signal: Signal::KILL.number(),
        kill_signal: Signal::KILL.number(),
        stop_timeout: STOP_TIMEOUT,
        notify_socket: None,
        ready_fd: None,
        dir: None,
        current_dir: Some(dir.to_owned()),
        log_lengths: [0; 2],
    }
}

/// Returns how the command itself ended, also if it left others behind.
fn exit_of(state: &State) -> Option<Exit> {
    state.previous_main_exit.or(state.exit)
}
