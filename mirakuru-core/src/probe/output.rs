//! A line of output.

use std::collections::BTreeMap;

use super::{Attempt, Condition, Readiness};
use crate::banner::Banner;
use crate::error::Result;
use crate::log::{Files, Reader};
use crate::sys::Watcher;

pub(super) struct Output {
    banner: Banner,
    readers: Vec<Reader>,
    /// The line, once it has come.
    line: Option<String>,
}

impl Output {
    pub(super) fn new(banner: &Banner, files: &Files) -> Result<Self> {
        // At a restart, what was written before does not count.
        let readers = files.readers(banner.stream, || banner.scanner())?;
        Ok(Self { banner: banner.clone(), readers, line: None })
    }
}

impl Condition for Output {
    fn what(&self) -> String {
        let Banner { pattern, times, .. } = &self.banner;
        let times = if *times == 1 { String::new() } else { format!(", {times} times") };
        format!("a line of output that matches `{pattern}`{times}")
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        for reader in &mut self.readers {
            // A line that has come stays.
            if self.line.is_none() {
                self.line = reader.look(attempt.deadline())?;
            }
        }
        let not_yet = || Readiness::NotYet("no such line yet".to_owned());
        Ok(if self.line.is_some() { Readiness::Ready } else { not_yet() })
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.readers.iter().all(|reader| watcher.watch(reader.path()))
    }

    fn captured(&self) -> BTreeMap<String, String> {
        self.line.iter().flat_map(|line| self.banner.captured(line)).collect()
    }

    fn needs_living(&self) -> bool {
        false
    }
}
