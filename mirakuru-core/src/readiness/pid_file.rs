//! A pid file.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Readiness, ownership};
use crate::diagnostics::port_owner;
use crate::error::Result;
use crate::sys::{self, Watcher};

/// How long a file without a pid may be one that is about to get it. Some programs never write one.
const EMPTY_FOR: Duration = Duration::from_millis(100);

pub(super) struct PidFile {
    path: PathBuf,
    /// What was there before the start, left over from a process that is gone.
    stale: Option<(u64, i64, i64)>,
    empty_since: Option<Instant>,
}

impl PidFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, stale: None, empty_since: None }
    }

    fn pid(&self) -> Option<i32> {
        fs::read_to_string(&self.path).ok()?.split_whitespace().next()?.parse().ok()
    }

    /// A pid that is written late is waited for, not for ever.
    fn without_pid(&mut self) -> Readiness {
        let since = *self.empty_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= EMPTY_FOR {
            Readiness::Ready
        } else {
            Readiness::NotYet("the file has no pid in it yet".to_owned())
        }
    }
}

impl Condition for PidFile {
    fn what(&self) -> String {
        format!("the pid file {}", self.path.display())
    }

    fn precheck(&mut self) -> Option<String> {
        if !self.path.is_file() {
            return None;
        }
        let path = self.path.display();
        match self.pid() {
            Some(pid) if sys::is_alive(pid) => {
                Some(format!("the pid file {path} names {}", port_owner::describe(pid)))
            }
            // The process it names is gone, and left the file behind.
            Some(_) => {
                self.stale = sys::file_identity(&self.path);
                None
            }
            None => Some(format!("the pid file {path} exists and names nobody; remove it")),
        }
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let not_yet = |what: &str| Ok(Readiness::NotYet(what.to_owned()));
        if !self.path.is_file() {
            return not_yet("there is no such file");
        }
        if self.stale.is_some() && self.stale == sys::file_identity(&self.path) {
            return not_yet("the file is left over from a process that is gone");
        }
        let Some(pid) = self.pid() else { return Ok(self.without_pid()) };
        if !sys::is_alive(pid) {
            return Ok(Readiness::NotYet(format!("the file names pid {pid}, which is not alive")));
        }
        ownership::check_pid(pid, &format!("{} names", self.path.display()), attempt.client)?;
        Ok(Readiness::Ready)
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.path.parent().is_some_and(|folder| watcher.watch(folder))
    }

    /// The watcher does not tell when a file has been empty for long enough.
    fn is_told(&self) -> bool {
        self.empty_since.is_none()
    }

    fn requires_running(&self) -> bool {
        false
    }
}
