//! A command that is run to see how a process is, again and again.
//!
//! It has a supervisor of its own: it is contained as the process is, and a test process that is
//! killed leaves nothing of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;

use crate::command::{self, CommandLine, Environment};
use crate::error::{Error, Result};
use crate::output::LogFiles;
use crate::resources::placeholders::Placeholders;
use crate::resources::program;
use crate::supervisor::{Client, InheritedFds, Phase, Request, Settings, State, SupervisorCommand};
use crate::sys;
use crate::types::Exit;
use crate::types::Signal;

/// How long a run that is killed may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// How many characters of a line are told.
const LINE_MAX: usize = 200;

pub(crate) struct ContainedCommand {
    line: String,
    client: Arc<Client>,
    files: LogFiles,
    /// Whether the program is one that the process itself makes.
    may_be_made: bool,
}

/// How the command itself ended, also if it has left others behind.
fn exit_of(state: &State) -> Option<Exit> {
    state.previous_main_exit.or(state.exit)
}

/// What a run came to.
pub(crate) enum Outcome {
    Success,
    /// It ended in another way, and printed this last.
    Failure(String),
    /// It was killed because its time was over.
    TooSlow(String),
}

impl ContainedCommand {
    pub(crate) fn new(
        name: &str,
        command: &CommandLine,
        values: &Placeholders,
        environment: &Environment,
        dir: &Path,
    ) -> Result<Self> {
        let words = command.words()?;
        command::check_words(&words)?;
        let words = words.iter().map(|word| values.render_os(word)).collect::<Result<Vec<_>>>()?;
        let files = LogFiles::create(&format!("{name}-check"), false)?;
        let (stdout, stderr) = files.open()?;
        let may_be_made = values.dir().is_some_and(|own| Path::new(&words[0]).starts_with(own));
        let program = match may_be_made {
            true => PathBuf::from(&words[0]),
            false => program::find(&words[0], environment, dir)?,
        };
        let launch = SupervisorCommand {
            name: format!("the check of {name}"),
            program,
            arguments: words.clone(),
            environment: environment.clone(),
            stdout,
            stderr,
            settings: Settings {
                stop_signal: Signal::KILL.number(),
                kill_signal: Signal::KILL.number(),
                stop_timeout: STOP_TIMEOUT,
                notify_socket: None,
                ready_fd: None,
                dir: None,
                current_dir: Some(dir.to_owned()),
            },
        };
        let client = Client::launch(launch, &InheritedFds::default());
        let client = client.map_err(|e| Error::os("the supervisor cannot be started", e))?;
        Ok(Self { line: command::in_one_line(&words), client, files, may_be_made })
    }

    /// The command.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Where all that its last run has printed is.
    pub(crate) fn log(&self) -> &Path {
        &self.files.stdout
    }

    /// Runs the command once, but not longer than `process` lives.
    pub(crate) fn run(&self, deadline: Instant, process: &Client) -> Result<Outcome> {
        // One run after the other would fill the disk; the last one is what somebody may look at.
        self.files.clear();
        let began = Instant::now();
        let with_last_line = |how: String| match self.files.last_line() {
            Some(line) => format!("{how}: {}", line.chars().take(LINE_MAX).collect::<String>()),
            None => how,
        };
        let Some(state) = self.wait_for_end(deadline, process) else {
            self.kill();
            let how = format!("did not end within {:.1?}", began.elapsed());
            return Ok(Outcome::TooSlow(with_last_line(how)));
        };
        match state {
            // A run that was killed has left something that the system does not take away at once.
            State { phase: Phase::Failed(libc::EBUSY), .. } => {
                Ok(Outcome::Failure("the last run has not ended yet".to_owned()))
            }
            State { phase: Phase::Failed(errno), .. } => {
                let why = io::Error::from_raw_os_error(errno);
                match self.may_be_made {
                    true => Ok(Outcome::Failure(format!("cannot be run yet: {why}"))),
                    false => Err(Error::os(format!("`{}` cannot be run", self.line), why)),
                }
            }
            state => Ok(match exit_of(&state) {
                Some(exit) if exit.success() => Outcome::Success,
                Some(exit) => Outcome::Failure(with_last_line(exit.to_string())),
                None => Outcome::Failure(with_last_line(state.to_string())),
            }),
        }
    }

    /// How the next run has ended. None if it was not to have more time.
    fn wait_for_end(&self, deadline: Instant, process: &Client) -> Option<State> {
        let started = self.client.start(None, deadline);
        self.client.keep_end_quiet(); // Nobody was told that it has begun.
        started.ok()?;
        loop {
            let state = self.client.state();
            if state.is_disconnected || !state.is_running() {
                return Some(state);
            }
            if exit_of(&state).is_some() {
                // What it has left behind is not waited for, and is not to be there at the next run.
                self.kill();
                return Some(state);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !process.state().is_running() {
                return None;
            }
            let fds = [self.client.as_fd(), process.as_fd()];
            let _ = sys::wait_readable(&fds, Some(left)); // The look follows in any case.
        }
    }

    fn kill(&self) {
        let _ = self.client.request(Request::Kill(Signal::KILL.number())); // It may have ended.
        self.client.wait(Instant::now() + STOP_TIMEOUT, |state| !state.is_running());
    }
}
