//! What a start need not wait for: the supervisor does it soon after.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::process_tree::ProcessTree;
use crate::sys::CommandLine;

/// What a supervisor shows before the command of its server.
const SUPERVISOR: &str = "mirakuru-supervisor";

/// The time after which a start that is fast is over.
const DELAY: Duration = Duration::from_millis(2);

#[derive(Default)]
pub(super) struct Chores {
    due: Option<Instant>,
    /// Set once it shows the command of the server.
    command_line: Option<CommandLine>,
}

impl Chores {
    pub(super) fn plan(&mut self) {
        self.due = Some(Instant::now() + DELAY);
    }

    /// Returns the time until they are due.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Shows the command of the server, once, and looks at a server that is ready.
    pub(super) fn do_if_due(&mut self, tree: &mut ProcessTree, is_ready: bool) {
        if self.due.take_if(|due| Instant::now() >= *due).is_none() {
            return;
        }
        if self.command_line.is_none() {
            self.command_line = CommandLine::find();
            self.show(tree.command());
        }
        if is_ready {
            tree.note_mapped();
            tree.note_ignored();
        }
    }

    /// Hides the command: the server is gone, and a search for its command line must not find this process.
    pub(super) fn hide_command(&self) {
        self.show(&[]);
    }

    fn show(&self, command: &[OsString]) {
        if let Some(command_line) = &self.command_line {
            command_line.show(&[&[SUPERVISOR.into()], command].concat());
        }
    }
}
