//! What is known of a server when something fails.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Server;
use super::failure_report::{FailureReport, ServerView};
use super::kept;
use crate::diagnostics::{events, port_owner};
use crate::error::{Error, ErrorKind, Output};
use crate::resources::placeholders::NEEDS_HELP;
use crate::supervisor::Phase;

/// The time that the supervisor gets to report that the rest of the tree has ended too, once the
/// main process has.
const SETTLE: Duration = Duration::from_millis(50);

impl Server {
    /// Returns an error about the server, with all that is known of it.
    pub(crate) fn failed(&self, kind: ErrorKind, what: &str) -> Error {
        self.explain(Error::new(kind, format!("{} {what}", self.plan.name)))
    }

    /// Adds the command, the state and the last lines of output to an error.
    pub(super) fn explain(&self, error: Error) -> Error {
        self.client.sync_log();
        let mut state = self.state();
        if state.is_running() && state.exit.is_some() {
            let settled = self.client.wait(Instant::now() + SETTLE, |state| !state.is_running());
            state = settled.unwrap_or(state);
        }
        let output = Output { log_failure: state.log_failure, ..self.plan.files.tail() };
        let is_address_in_use = blames_address(&output.lines);
        if let Some(external) = &self.plan.external {
            let error = match error.kind() {
                ErrorKind::Failed => error.with_help(external.help_with_step()),
                _ => error,
            };
            return error.with_report(|report| {
                report.state = Some(format!("{external}, which was not started here"));
                report.output = Some(output).filter(|output| !output.lines.is_empty());
            });
        }
        let error = error.with_report(|report| {
            report.command = Some(self.plan.command_line());
            report.state = Some(state.to_string());
            report.output = Some(output);
            report.exit = report.exit.or(state.exit);
            report.is_address_in_use = is_address_in_use;
            report.is_supervisor_killed = state.phase == Phase::SupervisorKilled;
        });
        let may_be_why = matches!(
            error.kind(),
            ErrorKind::Exited | ErrorKind::Timeout | ErrorKind::UnexpectedExit
        );
        match is_address_in_use && may_be_why {
            true => error.with_help(self.help_with_address()),
            false if may_be_why => self.what_was_given(error),
            false => error,
        }
    }

    /// Adds what is striking about the texts that the process was given.
    fn what_was_given(&self, mut error: Error) -> Error {
        if let Some(placeholder) = self.plan.unknown_other() {
            error = error.or_help(no_such_other(&placeholder));
        }
        if let Some(word) = &self.plan.word_for_a_shell {
            error = error.and_help(&format!(
                "`{word}` in the command is passed to the program as it is: no shell runs `cmd`, and \
                 `shell = \"…\"` has one"
            ));
        }
        match &self.plan.ungiven_port {
            Some(port) if error.kind() == ErrorKind::Timeout => error.and_help(&format!(
                "only the condition has `{port}`: give it to the process, too, in its command, a \
                 variable or a file"
            )),
            _ => error,
        }
    }

    /// Says which process has one of the addresses that the executor names.
    fn help_with_address(&self) -> String {
        if let Some(listens) = self.plan.start_context().listens.first() {
            return format!(
                "this process inherits a socket that listens at {listens}: it has to use that, by \
                 `LISTEN_FDS`, and not bind the address itself"
            );
        }
        port_owner::help(&self.plan.addresses(), Some(self.client.supervisor_pid()))
    }

    /// Returns a view of the server, which a failing test can print after the server was dropped.
    /// `further` are those of servers that it needs.
    pub(crate) fn views(&self, further: Vec<Arc<ServerView>>) -> Vec<Arc<ServerView>> {
        let contacts = kept::contacts(self);
        let view = ServerView::new(self, contacts);
        std::iter::once(Arc::new(view)).chain(further).collect()
    }

    /// Reports that the server ended while a test held a lease of it. The end of what stands for one that
    /// runs already says nothing about that one.
    pub(crate) fn report_death(&self) {
        if self.plan.external.is_none() {
            events::died(&self.plan.name, self.state().exit);
            self.print_report();
        }
    }

    /// Notes for the page of the run that the server has ended.
    pub(crate) fn note_end(&self) {
        if self.plan.external.is_none() {
            self.client.note_end(&self.state());
        }
    }

    /// Prints the state and the last lines for the calling test, unless they were printed already.
    fn print_report(&self) {
        FailureReport::new(self.views(Vec::new())).print();
    }
}

/// Returns true if a line says that an address is in use.
///
/// A server's exit code does not tell why it could not bind, so this is the one place that reads
/// its prose.
fn blames_address(lines: &[String]) -> bool {
    lines.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        // In the words of glibc and the BSDs, of musl, and of node.
        ["address already in use", "address in use", "eaddrinuse"]
            .iter()
            .any(|words| line.contains(words))
            || line.contains("in use") && line.split(' ').any(|word| word == "port")
    })
}

fn no_such_other(placeholder: &str) -> String {
    format!(
        "it was given the text `{placeholder}`, a value of no process that it needs; {NEEDS_HELP}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_about_an_address_are_recognised() {
        for (line, expected) in [
            ("# Could not create listening socket *:6379: bind: Address already in use", true),
            ("bind: Address in use", true),
            ("listen EADDRINUSE: address already in use :::3000", true),
            ("Port 8080 is in use by another program", true),
            ("support: the lock is in use", false),
            ("FATAL: no such database on port 5432", false),
        ] {
            assert_eq!(blames_address(&["started".into(), line.into()]), expected, "{line}");
        }
        assert!(!blames_address(&[]));
    }
}
