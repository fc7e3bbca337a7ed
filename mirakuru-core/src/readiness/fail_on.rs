//! A line of output after which a process will never be ready.

use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::output::matcher::Matcher;
use crate::output::{Follower, LogFiles};
use crate::sys::Watcher;

/// Looks for a line that ends the wait with an error.
pub(super) struct FailOn {
    pattern: String,
    followers: Vec<Follower>,
}

impl FailOn {
    pub(super) fn new(pattern: &str, files: &LogFiles) -> Result<Self> {
        let followers = files.followers(None, || Matcher::new(pattern, 1))?;
        Ok(Self { pattern: pattern.to_owned(), followers })
    }

    /// Fails if such a line was written.
    pub(super) fn check(&mut self, deadline: Instant) -> Result<()> {
        for follower in &mut self.followers {
            if let Some(line) = follower.look(deadline)? {
                let what = format!("will not be ready: it printed `{line}`");
                let help =
                    format!("its definition fails on output that matches `{}`", self.pattern);
                return Err(Error::new(ErrorKind::Failed, what).with_help(help));
            }
        }
        Ok(())
    }

    /// Wakes the watcher when a line is written.
    pub(super) fn watch(&self, watcher: &mut Watcher) {
        self.followers.iter().for_each(|follower| {
            watcher.watch(follower.path());
        });
    }
}
