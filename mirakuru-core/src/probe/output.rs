//! A line of output.

use super::{Attempt, Condition, Readiness};
use crate::banner::Banner;
use crate::error::Result;
use crate::log::{Files, Reader};
use crate::sys::Watcher;

pub(super) struct Output {
    banner: Banner,
    readers: Vec<Reader>,
    has_come: bool,
}

impl Output {
    pub(super) fn new(banner: &Banner, files: &Files) -> Result<Self> {
        let readers = files.of(banner.stream).into_iter().map(|path| {
            // At a restart, what was written before does not count.
            let start = path.metadata().map_or(0, |meta| meta.len());
            Ok(Reader::new(path, start, banner.scanner()?))
        });
        let readers = readers.collect::<Result<_>>()?;
        Ok(Self { banner: banner.clone(), readers, has_come: false })
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
            self.has_come = self.has_come || reader.look(attempt.deadline())?.is_some();
        }
        let not_yet = || Readiness::NotYet("no such line yet".to_owned());
        Ok(if self.has_come { Readiness::Ready } else { not_yet() })
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.readers.iter().all(|reader| watcher.watch(reader.path()))
    }

    fn needs_living(&self) -> bool {
        false
    }
}
