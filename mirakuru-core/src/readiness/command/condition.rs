//! The condition: the command is run again and again.

use std::time::Instant;

use super::contained::{ContainedCommand, Outcome};
use crate::command::CommandLine;
use crate::error::Result;
use crate::readiness::attempt::{Attempt, FIRST_LIMIT, next_limit};
use crate::readiness::condition::{
    Condition, ConditionSpec, Explanation, Found, Poll, StartContext,
};
use crate::readiness::identity::Identity;

/// The command, with placeholders.
#[derive(Debug)]
pub(crate) struct CommandSpec(pub(crate) CommandLine);

impl ConditionSpec for CommandSpec {
    fn key(&self) -> &'static str {
        "ready_command"
    }

    fn templates(&self) -> Vec<&str> {
        self.0.texts()
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(&self.0);
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let command = ContainedCommand::new(&self.0, context)?;
        Ok(Box::new(Command { command, runs: 0, seen: None }))
    }
}

struct Command {
    command: ContainedCommand,
    runs: u32,
    seen: Option<String>,
}

impl Condition for Command {
    fn describe(&self) -> String {
        format!("exit code 0 of `{}`", self.command.line())
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let limit = next_limit(self.runs);
        self.runs += 1;
        let now = Instant::now();
        let is_cut = attempt.deadline() < now + FIRST_LIMIT;
        let seen = match self.command.run(attempt.deadline().min(now + limit), attempt.client)? {
            Outcome::Success => return Ok(Poll::Ready(Found::default())),
            // The last run before the deadline may have had too little time to tell anything.
            Outcome::TooSlow(how) if is_cut => self.seen.take().unwrap_or(how),
            Outcome::TooSlow(how) | Outcome::Failure(how) => how,
        };
        Ok(Poll::pending(self.seen.insert(seen).clone()))
    }

    fn explain(&self) -> Explanation {
        let (line, log) = (self.command.line(), self.command.log().display());
        let help = format!(
            "if the process is up, find out why `{line}` does not exit with code 0; the output of its \
             last run is in {log}"
        );
        Explanation { seen: None, help: Some(help) }
    }
}
