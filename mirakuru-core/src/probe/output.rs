//! A line of output.

use super::{Attempt, Condition, Readiness};
use crate::banner::Banner;
use crate::error::Result;
use crate::log::{Files, Reader};
use crate::sys::Watcher;

pub(super) struct Output {
    banner: Banner,
    readers: Vec<Reader>,
}

impl Output {
    pub(super) fn new(banner: &Banner, files: &Files) -> Result<Self> {
        let readers = files.of(banner.stream).into_iter().map(|path| {
            // At a restart, what was written before does not count.
            let start = path.metadata().map_or(0, |meta| meta.len());
            Ok(Reader::new(path, start, banner.scanner()?))
        });
        Ok(Self { banner: banner.clone(), readers: readers.collect::<Result<_>>()? })
    }
}

impl Condition for Output {
    fn what(&self) -> String {
        let Banner { pattern, times, .. } = &self.banner;
        let times = if *times == 1 { String::new() } else { format!(", {times} times") };
        format!("a line of output that matches `{pattern}`{times}")
    }

    fn check(&mut self, _attempt: &Attempt<'_>) -> Result<Readiness> {
        for reader in &mut self.readers {
            if reader.look()?.is_some() {
                return Ok(Readiness::Ready);
            }
        }
        Ok(Readiness::NotYet("no such line yet".to_owned()))
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.readers.iter().all(|reader| watcher.watch(reader.path()))
    }

    fn needs_living(&self) -> bool {
        false
    }
}
