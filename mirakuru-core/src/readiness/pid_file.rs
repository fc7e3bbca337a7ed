//! A pid file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::{Condition, ConditionSpec, Found, Poll, Requirements, StartContext};
use super::identity::Identity;
use super::ownership;
use crate::diagnostics::port_owner;
use crate::error::Result;
use crate::sys;

/// The time after which an empty file counts. Some programs write their pid late, some never.
const EMPTY_FOR: Duration = Duration::from_millis(100);

/// The path of the file, with placeholders.
#[derive(Debug)]
pub(crate) struct PidFileSpec(pub(crate) PathBuf);

impl ConditionSpec for PidFileSpec {
    fn templates(&self) -> Vec<&str> {
        self.0.to_str().into_iter().collect()
    }

    fn requirements(&self) -> Requirements {
        Requirements { running_process: false, ..Requirements::default() }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(("pid_file", self.0.as_os_str()));
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let path = context.file_path(&self.0)?;
        Ok(Box::new(PidFile { path, stale: None, empty_since: None }))
    }
}

struct PidFile {
    path: PathBuf,
    /// The file that a process which is gone had left before the start.
    stale: Option<(u64, i64, i64)>,
    empty_since: Option<Instant>,
}

impl PidFile {
    fn pid(&self) -> Option<i32> {
        fs::read_to_string(&self.path).ok()?.split_whitespace().next()?.parse().ok()
    }

    fn pending(&self, seen: impl Into<String>) -> Poll {
        // No event tells that a file has been empty for long enough.
        match self.path.parent().filter(|_| self.empty_since.is_none()) {
            Some(parent) => Poll::pending_on(seen, [parent].map(Path::to_owned)),
            None => Poll::pending(seen),
        }
    }

    fn poll_empty(&mut self) -> Poll {
        let since = *self.empty_since.get_or_insert_with(Instant::now);
        match since.elapsed() >= EMPTY_FOR {
            true => Poll::Ready(Found::default()),
            false => self.pending("the file has no pid in it yet"),
        }
    }
}

impl Condition for PidFile {
    fn describe(&self) -> String {
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
            Some(_) => {
                self.stale = sys::file_identity(&self.path);
                None
            }
            None => Some(format!("the pid file {path} exists and has no pid in it; remove it")),
        }
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        if !self.path.is_file() {
            return Ok(self.pending("there is no such file"));
        }
        if self.stale.is_some() && self.stale == sys::file_identity(&self.path) {
            return Ok(self.pending("the file is left over from a process that is gone"));
        }
        let Some(pid) = self.pid() else { return Ok(self.poll_empty()) };
        if !sys::is_alive(pid) {
            return Ok(self.pending(format!("the file names pid {pid}, which is not alive")));
        }
        ownership::check_pid(pid, &format!("{} names", self.path.display()), attempt.client)?;
        Ok(Poll::Ready(Found::default()))
    }
}
