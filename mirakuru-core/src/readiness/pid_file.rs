//! A pid file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Conflict, Explanation, Found, Poll, Requirements, StartContext,
};
use super::identity::Identity;
use super::ownership;
use crate::diagnostics::port_owner;
use crate::error::Result;
use crate::sys;

/// The time after which a file counts as it is, without a pid or without a line break behind it. Some
/// programs write these late, some never.
const UNCHANGED_FOR: Duration = Duration::from_millis(100);

/// The path of the file, with placeholders.
#[derive(Debug)]
pub(crate) struct PidFileSpec(pub(crate) PathBuf);

impl ConditionSpec for PidFileSpec {
    fn key(&self) -> &'static str {
        "pid_file"
    }

    fn templates(&self) -> Vec<&str> {
        self.0.to_str().into_iter().collect()
    }

    fn requirements(&self) -> Requirements {
        Requirements { running_process: false, ..Requirements::default() }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(self.0.as_os_str());
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        let path = context.file_path(&self.0)?;
        Ok(Box::new(PidFile { path, stale: None, unfinished: None, names_supervisor: false }))
    }
}

struct PidFile {
    path: PathBuf,
    /// The file that a process which is gone had left before the start.
    stale: Option<(u64, i64, i64)>,
    /// What the file had in it when that changed last, if it may be unfinished.
    unfinished: Option<(String, Instant)>,
    /// The file names the supervisor.
    names_supervisor: bool,
}

impl PidFile {
    fn text(&self) -> String {
        fs::read_to_string(&self.path).unwrap_or_default()
    }

    fn pid(&self) -> Option<i32> {
        pid_in(&self.text())
    }

    fn pending(&self, seen: impl Into<String>) -> Poll {
        // No event tells that a file has not changed for long enough.
        match self.path.parent().filter(|_| self.unfinished.is_none()) {
            Some(parent) => Poll::pending_on(seen, [parent].map(Path::to_owned)),
            None => Poll::pending(seen),
        }
    }

    /// Returns true if nothing was added to an unfinished text for a while.
    fn is_unchanged(&mut self, text: String) -> bool {
        match &self.unfinished {
            Some((before, since)) if *before == text => since.elapsed() >= UNCHANGED_FOR,
            _ => {
                self.unfinished = Some((text, Instant::now()));
                false
            }
        }
    }
}

fn pid_in(text: &str) -> Option<i32> {
    text.split_whitespace().next()?.parse().ok()
}

impl Condition for PidFile {
    fn describe(&self) -> String {
        format!("the pid file {}", self.path.display())
    }

    fn precheck(&mut self) -> Option<Conflict> {
        if !self.path.is_file() {
            return None;
        }
        let path = self.path.display();
        match self.pid() {
            Some(pid) if sys::is_alive(pid) => {
                let why = format!("the pid file {path} names {}", port_owner::describe(pid));
                Some(Conflict { why, pid: Some(pid) })
            }
            Some(_) => {
                self.stale = sys::file_identity(&self.path);
                None
            }
            None => {
                let why = format!("the pid file {path} exists and has no pid in it; remove it");
                Some(Conflict { why, pid: None })
            }
        }
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        if !self.path.is_file() {
            return Ok(self.pending("there is no such file"));
        }
        if self.stale.is_some() && self.stale == sys::file_identity(&self.path) {
            return Ok(self.pending("the file is left over from a process that is gone"));
        }
        let text = self.text();
        let Some(pid) = pid_in(&text) else {
            return Ok(match self.is_unchanged(text) {
                true => Poll::Ready(Found::default()),
                false => self.pending("the file has no pid in it yet"),
            });
        };
        self.names_supervisor = pid == attempt.client.supervisor_pid();
        if self.names_supervisor {
            return Ok(self.pending(format!("the file names pid {pid}, the parent of the server")));
        }
        // Further digits may come as long as nothing follows them.
        let is_whole = ownership::is_one_of_ours(pid, attempt.client)
            || text.ends_with(char::is_whitespace)
            || self.is_unchanged(text);
        if !is_whole {
            return Ok(self.pending(format!("the file begins with {pid}")));
        }
        self.unfinished = None;
        if !sys::is_alive(pid) {
            return Ok(self.pending(format!("the file names pid {pid}, which is not alive")));
        }
        ownership::check_pid(pid, &format!("{} names", self.path.display()), attempt.client)?;
        Ok(Poll::Ready(Found::default()))
    }

    fn explain(&self) -> Explanation {
        let help = "the parent of the server is the supervisor, which runs without it too: write the \
                    pid of the server, as `$$` in a shell, and not `$PPID`";
        let help = self.names_supervisor.then(|| help.to_owned());
        Explanation { seen: None, help }
    }
}
