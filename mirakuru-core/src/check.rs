//! A command that is run to see how a process is, again and again.
//!
//! It has a supervisor of its own: it is contained as the process is, and a test process that is
//! killed leaves nothing of it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;

use crate::command::{self, CommandLine, Environment};
use crate::error::{Error, Result};
use crate::log::Files;
use crate::program;
use crate::signal::Signal;
use crate::supervisor::{Client, Holds, Launch, Phase, Request, Settings, State};
use crate::sys;
use crate::values::Values;

/// How long a run that is killed may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Check {
    line: String,
    client: Arc<Client>,
    files: Files,
}

/// What a run came to.
pub(crate) enum Outcome {
    Success,
    /// It ended in another way, and printed this last.
    Failure(String),
    /// It was killed because its time was over.
    TooSlow(String),
}

impl Check {
    pub(crate) fn new(
        name: &str,
        command: &CommandLine,
        values: &Values,
        environment: &Environment,
        dir: &Path,
    ) -> Result<Self> {
        let words = command.words()?;
        command::check_words(&words)?;
        let words = words.iter().map(|word| values.render_os(word)).collect::<Result<Vec<_>>>()?;
        let files = Files::create(&format!("{name}-check"), false)?;
        let (stdout, stderr) = files.open()?;
        let launch = Launch {
            name: format!("the check of {name}"),
            program: program::find(&words[0], environment, dir)?,
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
        let client = Client::launch(launch, &Holds::default());
        let client = client.map_err(|e| Error::os("the supervisor cannot be started", e))?;
        Ok(Self { line: command::in_one_line(&words), client, files })
    }

    /// The command.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }

    /// Where all that it has printed is.
    pub(crate) fn log(&self) -> &Path {
        &self.files.stdout
    }

    /// Runs the command once, but not longer than `process` lives.
    pub(crate) fn run(&self, deadline: Instant, process: &Client) -> Result<Outcome> {
        let printed = self.files.lengths();
        let began = Instant::now();
        let with_last_line = |how: String| match self.files.last_line_since(&printed) {
            Some(line) => format!("{how}: {line}"),
            None => how,
        };
        let Some(state) = self.wait_for_end(deadline, process) else {
            // What a run leaves behind is a part of it: it is contained, and not waited for for ever.
            let state = self.client.state();
            let elapsed = began.elapsed();
            let how = match state.launcher.or(state.exit) {
                Some(exit) => format!("{exit}, but what it left did not end within {elapsed:.1?}"),
                None => format!("did not end within {elapsed:.1?}"),
            };
            self.kill();
            return Ok(Outcome::TooSlow(with_last_line(how)));
        };
        match state {
            // A run that was killed has left something that the system does not take away at once.
            State { phase: Phase::Failed(libc::EBUSY), .. } => {
                Ok(Outcome::Failure("the last run has not ended yet".to_owned()))
            }
            State { phase: Phase::Failed(errno), .. } => {
                let why = io::Error::from_raw_os_error(errno);
                Err(Error::os(format!("`{}` cannot be run", self.line), why))
            }
            _ if state.ended().is_some_and(|exit| exit.success()) => Ok(Outcome::Success),
            _ => Ok(Outcome::Failure(with_last_line(state.to_string()))),
        }
    }

    /// How the next run has ended. None if it was not to have more time.
    fn wait_for_end(&self, deadline: Instant, process: &Client) -> Option<State> {
        let started = self.client.start(None, deadline);
        self.client.tell_nobody();
        started.ok()?;
        loop {
            let state = self.client.state();
            if state.is_gone || !state.is_running() {
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
