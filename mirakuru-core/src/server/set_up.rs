//! Running the commands that set up a server.

use std::fs::File;
use std::time::{Duration, Instant};

use super::Server;
use crate::command::CommandLine;
use crate::diagnostics::progress::Progress;
use crate::diagnostics::time_limit::Limit;
use crate::error::{Error, ErrorKind, Result};
use crate::launch::step::{Step, StepKind};
use crate::supervisor::{Start, State};
use crate::sys;
use crate::types::Exit;

/// The interval at which progress is reported.
const TICK: Duration = Duration::from_millis(100);

impl Server {
    /// Runs the commands before a start. Returns true if there was one.
    pub(super) fn run_before_start(&self, began: Instant) -> Result<bool> {
        let steps = &self.plan.set_up.before_start;
        self.run_all_before(steps, began)?;
        Ok(!steps.is_empty())
    }

    /// Runs steps one after the other. The files are written before the first.
    pub(super) fn run_all_before(&self, steps: &[Step], began: Instant) -> Result<()> {
        let mut numbered = steps.iter().enumerate();
        numbered.try_for_each(|(number, step)| self.run_before(step, number == 0, began))
    }

    /// Runs a step while the server does not run.
    pub(super) fn run_before(&self, step: &Step, writes_files: bool, began: Instant) -> Result<()> {
        let what = Start { is_step: true, writes_files };
        self.run_program(what, Some(step), Some(self.step_file(step)?.into()), began)?;
        let state = self.wait_for_step(step, began, |state| !state.is_running())?;
        let checked = self.check_step(step, state.exit);
        let not_started = || Some("not started".to_owned());
        checked.map_err(|error| error.with_report(|report| report.state = not_started()))
    }

    /// Runs the commands after a start. The server is ready, and no test has it yet.
    pub(super) fn run_after_ready(&self, began: Instant) -> Result<()> {
        self.run_beside(StepKind::AfterReady, &self.plan.set_up.after_ready, began)
    }

    /// Returns true if commands undo what a test has changed.
    pub(crate) fn has_reset(&self) -> bool {
        !self.plan.set_up.reset.is_empty()
    }

    /// Undoes what a test has changed.
    pub(crate) fn reset(&self) -> Result<()> {
        if !self.state().is_running() {
            return Err(self.failed(ErrorKind::Exited, "has ended"));
        }
        self.run_beside(StepKind::Reset, &self.plan.set_up.reset, Instant::now())
    }

    fn run_beside(&self, kind: StepKind, commands: &[CommandLine], began: Instant) -> Result<()> {
        for command in commands {
            let step = self.plan.later_step(kind, command);
            let step = step.map_err(|error| error.about(&self.plan.name))?;
            let sent = self.client.run_step(&self.step_file(&step)?);
            sent.map_err(|error| Error::os("the supervisor does not answer", error))?;
            let ended = |state: &State| state.step.is_some() || !state.is_running();
            match self.wait_for_step(&step, began, ended)?.step {
                Some(Ok(exit)) => self.check_step(&step, Some(exit))?,
                Some(Err(errno)) => {
                    let error = self.plan.cannot_run(Some(&step), errno);
                    return Err(self.explain(error.about(&self.plan.name)));
                }
                None => {
                    let what = format!("ended while `{}` of {} ran", step.line(), kind.name());
                    return Err(self.failed(ErrorKind::Exited, &what));
                }
            }
        }
        Ok(())
    }

    /// Returns a file with a step for the supervisor, which has no limit for its length.
    fn step_file(&self, step: &Step) -> Result<File> {
        let file = sys::unnamed_file(&self.plan.path_beside_log("step"), &step.job().to_bytes());
        file.map_err(|error| Error::os("the command cannot be passed to the supervisor", error))
    }

    fn wait_for_step(
        &self,
        step: &Step,
        began: Instant,
        until: impl Fn(&State) -> bool,
    ) -> Result<State> {
        let timeout = self.plan.timeout;
        let mut progress = Progress::new(began, timeout);
        let step_began = Instant::now();
        loop {
            let now = Instant::now();
            if now >= began + timeout {
                let (limit, kind, line) = (Limit(timeout), step.kind.name(), step.line());
                let what = match step.kind {
                    StepKind::Reset => format!("`{line}` of {kind} still runs after {limit}"),
                    _ => format!("not ready within {limit}: `{line}` of {kind} still runs"),
                };
                let error = Error::new(ErrorKind::Timeout, what).about(&self.plan.name);
                return Err(self.explain(error));
            }
            if let Some(state) = self.client.wait((now + TICK).min(began + timeout), &until) {
                let track = self.track();
                let line = || format!("{}: {}", step.kind.name(), step.line());
                track.iter().for_each(|track| track.step(step_began, &line()));
                return Ok(state);
            }
            let what = || format!("{}: `{}` of {}", self.plan.name, step.line(), step.kind.name());
            progress.tick(&what, "");
        }
    }

    fn check_step(&self, step: &Step, exit: Option<Exit>) -> Result<()> {
        let how = match exit {
            Some(exit) if exit.success() => return Ok(()),
            Some(exit) => exit.to_string(),
            None => "has not ended properly".to_owned(),
        };
        let what = format!("{} failed: `{}` {how}", step.kind.name(), step.line());
        let error = Error::new(ErrorKind::Failed, what).about(&self.plan.name);
        Err(self.explain(error.with_report(|report| report.exit = exit)))
    }
}
