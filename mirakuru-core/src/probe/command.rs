//! A command that exits with code 0.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Readiness, Surroundings};
use crate::command::{self, CommandLine};
use crate::error::{Error, Result};
use crate::log::Files;
use crate::signal::Signal;
use crate::supervisor::{Client, Holds, Launch, Phase, Request, Settings, State};
use crate::sys;

/// How long the first run may take.
const FIRST_LIMIT: Duration = Duration::from_secs(1);

/// How long a run that is killed may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The command runs below a supervisor of its own, again and again: it is contained as the process
/// is, and a test process that is killed leaves nothing of it.
pub(super) struct Command {
    line: String,
    client: Arc<Client>,
    files: Files,
    runs: u32,
    /// What the last run came to that had its time.
    last: Option<String>,
}

impl Command {
    pub(super) fn new(command: &CommandLine, around: &Surroundings<'_>) -> Result<Self> {
        let words = command.words()?;
        command::check_words(&words)?;
        let words = words.iter().map(|word| around.values.render_os(word));
        let words = words.collect::<Result<Vec<_>>>()?;
        let files = Files::create(&format!("{}-check", around.name), false)?;
        let (stdout, stderr) = files.open()?;
        let launch = Launch {
            name: format!("the check of {}", around.name),
            program: command::find_program(&words[0], around.environment, around.dir)?,
            arguments: words.clone(),
            environment: around.environment.clone(),
            stdout,
            stderr,
            settings: Settings {
                stop_signal: Signal::KILL.number(),
                kill_signal: Signal::KILL.number(),
                stop_timeout: STOP_TIMEOUT,
                notify_socket: None,
                ready_fd: None,
                dir: None,
                current_dir: Some(around.dir.to_owned()),
            },
        };
        let client = Client::launch(launch, &Holds::default());
        let client = client.map_err(|e| Error::os("the supervisor cannot be started", e))?;
        Ok(Self { line: command::in_one_line(&words), client, files, runs: 0, last: None })
    }

    /// Runs the command once. Its end, or None if it was not to have more time.
    fn run(&mut self, attempt: &Attempt<'_>) -> Option<State> {
        let growing = FIRST_LIMIT * (1 << self.runs.min(10));
        self.runs += 1;
        let deadline = attempt.deadline().min(Instant::now() + growing);
        self.client.start(None, deadline).ok()?;
        loop {
            let state = self.client.state();
            if state.is_gone || !state.is_running() {
                return Some(state);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !attempt.client.state().is_running() {
                return None;
            }
            let fds = [self.client.as_fd(), attempt.client.as_fd()];
            let _ = sys::wait_readable(&fds, Some(left)); // The look follows in any case.
        }
    }

    /// Ends a run that was not to have more time.
    fn kill(&self) {
        let _ = self.client.request(Request::Kill(Signal::KILL.number())); // It may have ended.
        self.client.wait(Instant::now() + STOP_TIMEOUT, |state| !state.is_running());
    }
}

impl Condition for Command {
    fn what(&self) -> String {
        format!("exit code 0 of `{}`", self.line)
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let printed = self.files.lengths();
        let began = Instant::now();
        let state = self.run(attempt);
        let was_killed = state.is_none();
        let how = match state {
            Some(State { phase: Phase::Ended, exit: Some(exit), .. }) if exit.success() => {
                return Ok(Readiness::Ready);
            }
            Some(State { phase: Phase::Failed(errno), .. }) => {
                let why = std::io::Error::from_raw_os_error(errno);
                return Err(Error::os(format!("`{}` cannot be run", self.line), why));
            }
            Some(state) => state.to_string(),
            None => {
                self.kill();
                format!("did not end within {:.1?}", began.elapsed())
            }
        };
        let last_line = self.files.last_line_since(&printed);
        let seen = last_line.map_or(how.clone(), |line| format!("{how}: {line}"));
        // The last run before the deadline may have no time to come to anything.
        let is_cut = was_killed && began.elapsed() < FIRST_LIMIT;
        let last = self.last.take().filter(|_| is_cut).unwrap_or(seen);
        Ok(Readiness::NotYet(self.last.insert(last).clone()))
    }
}
