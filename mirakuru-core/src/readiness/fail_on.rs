//! A line of output that says that a process will never be ready.

use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::output::matcher::Matcher;
use crate::output::{Follower, LogFiles};
use crate::sys::Watcher;

pub(super) struct Fatal {
    pattern: String,
    readers: Vec<Follower>,
}

impl Fatal {
    pub(super) fn new(pattern: &str, files: &LogFiles) -> Result<Self> {
        let readers = files.followers(None, || Matcher::new(pattern, 1))?;
        Ok(Self { pattern: pattern.to_owned(), readers })
    }

    /// Fails if such a line has come.
    pub(super) fn check(&mut self, deadline: Instant) -> Result<()> {
        for reader in &mut self.readers {
            if let Some(line) = reader.look(deadline)? {
                let what = format!("will not be ready: it printed `{line}`");
                let help = format!("its executor fails on output that matches `{}`", self.pattern);
                return Err(Error::new(ErrorKind::Failed, what).with_help(help));
            }
        }
        Ok(())
    }

    pub(super) fn watch(&self, watcher: &mut Watcher) {
        self.readers.iter().for_each(|reader| {
            watcher.watch(reader.path());
        });
    }
}
