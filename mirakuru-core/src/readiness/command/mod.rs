//! A command that exits with code 0.

mod contained;

use std::time::Instant;

use super::{Attempt, Condition, FIRST_LIMIT, Readiness, StartContext, next_limit};
use crate::command::CommandLine;
use crate::error::Result;
use contained::{ContainedCommand, Outcome};

pub(super) struct Command {
    check: ContainedCommand,
    runs: u32,
    last: Option<String>,
}

impl Command {
    pub(super) fn new(command: &CommandLine, around: &StartContext<'_>) -> Result<Self> {
        let StartContext { name, values, environment, dir, .. } = around;
        let check = ContainedCommand::new(name, command, values, environment, dir)?;
        Ok(Self { check, runs: 0, last: None })
    }
}

impl Condition for Command {
    fn what(&self) -> String {
        format!("exit code 0 of `{}`", self.check.line())
    }

    fn way_out(&self) -> Option<String> {
        Some(format!(
            "if the process is up, look at why `{}` does not exit with code 0; the output of its last run is in {}",
            self.check.line(),
            self.check.log().display()
        ))
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let limit = next_limit(self.runs);
        self.runs += 1;
        let now = Instant::now();
        let is_cut = attempt.deadline() < now + FIRST_LIMIT;
        let last = match self.check.run(attempt.deadline().min(now + limit), attempt.client)? {
            Outcome::Success => return Ok(Readiness::Ready),
            // The last run before the deadline may have no time to come to anything.
            Outcome::TooSlow(how) if is_cut => self.last.take().unwrap_or(how),
            Outcome::TooSlow(how) | Outcome::Failure(how) => how,
        };
        Ok(Readiness::NotYet(self.last.insert(last).clone()))
    }
}
