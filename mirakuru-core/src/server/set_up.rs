//! Running the commands that set up a server.

use std::time::{Duration, Instant};

use super::Server;
use crate::diagnostics::progress::Progress;
use crate::error::{Error, ErrorKind, Result, Seconds};
use crate::launch::set_up::Step;
use crate::resources::program;
use crate::supervisor::State;
use crate::types::Exit;

/// The interval at which progress is reported.
const TICK: Duration = Duration::from_millis(100);

/// When a command of the set-up runs.
#[derive(Clone, Copy)]
enum When {
    BeforeStart,
    AfterReady,
}

impl When {
    fn name(self) -> &'static str {
        match self {
            Self::BeforeStart => "before_start",
            Self::AfterReady => "after_ready",
        }
    }
}

impl Server {
    /// Runs the commands before a start. Returns true if there was one.
    pub(super) fn run_before_start(&self, began: Instant) -> Result<bool> {
        for (number, step) in (0..).zip(&self.plan.set_up.before_start) {
            self.run_program(Some(number), None, began)?;
            let ended = |state: &State| !state.is_running();
            let state = self.wait_for_step(step, When::BeforeStart, began, ended)?;
            self.check_step(step, When::BeforeStart, state.exit)?;
        }
        Ok(!self.plan.set_up.before_start.is_empty())
    }

    /// Runs the commands after a start. The server is ready, and no test has it yet.
    pub(super) fn run_after_ready(&self, began: Instant) -> Result<()> {
        for command in &self.plan.set_up.after_ready {
            let step = self.plan.step(command).map_err(|error| error.about(&self.plan.name))?;
            let sent = self.client.run_step(step.command(), &self.plan.path_beside_log("step"));
            sent.map_err(|error| Error::os("the supervisor does not answer", error))?;
            let state = self.wait_for_step(&step, When::AfterReady, began, |state| {
                state.step.is_some() || !state.is_running()
            })?;
            match state.step {
                Some(Ok(exit)) => self.check_step(&step, When::AfterReady, Some(exit))?,
                Some(Err(errno)) => {
                    let error = program::cannot_run(&step.program, errno);
                    return Err(self.explain(error.about(&self.plan.name)));
                }
                None => {
                    let what = format!("ended while `{}` of after_ready ran", step.line());
                    return Err(self.failed(ErrorKind::Exited, &what));
                }
            }
        }
        Ok(())
    }

    fn wait_for_step(
        &self,
        step: &Step,
        when: When,
        began: Instant,
        until: impl Fn(&State) -> bool,
    ) -> Result<State> {
        let timeout = self.plan.timeout;
        let mut progress = Progress::new(began, timeout);
        loop {
            let now = Instant::now();
            if now >= began + timeout {
                let (limit, when, line) = (Seconds(timeout), when.name(), step.line());
                let what = format!("not ready within {limit}: `{line}` of {when} still runs");
                let error = Error::new(ErrorKind::Timeout, what).about(&self.plan.name);
                return Err(self.explain(error));
            }
            if let Some(state) = self.client.wait((now + TICK).min(began + timeout), &until) {
                return Ok(state);
            }
            let what = || format!("{}: `{}` of {}", self.plan.name, step.line(), when.name());
            progress.tick(&what, "");
        }
    }

    fn check_step(&self, step: &Step, when: When, exit: Option<Exit>) -> Result<()> {
        let how = match exit {
            Some(exit) if exit.success() => return Ok(()),
            Some(exit) => exit.to_string(),
            None => "has not ended properly".to_owned(),
        };
        let what = format!("{} failed: `{}` {how}", when.name(), step.line());
        let error = Error::new(ErrorKind::Failed, what).about(&self.plan.name);
        let error = self.explain(error.with_report(|report| report.exit = exit));
        Err(match when {
            When::BeforeStart => error.with_report(|it| it.state = Some("not started".to_owned())),
            When::AfterReady => error,
        })
    }
}
