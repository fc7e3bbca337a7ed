//! Waiting for one line of output after another.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::files::{LINES_SHOWN, LogFiles};
use super::follower::{Follower, lines_after};
use super::matcher::Matcher;
use super::near_miss::near_miss;
use crate::diagnostics::time_limit::{Limit, multiplied};
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::{Client, Phase};
use crate::sys::{self, Watcher};

/// A reader of a [`Log`](crate::Log) that goes on from where it was.
///
/// If the streams have a file each, it has a place in both. A line of standard output is then
/// returned before one of standard error, in whichever order they were written.
#[derive(Clone, Debug)]
pub struct LogFollower {
    files: LogFiles,
    /// The lengths of the files when the lease of the calling test began.
    start: Vec<u64>,
    /// The place in each file.
    offsets: Vec<u64>,
    client: Weak<Client>,
}

impl LogFollower {
    pub(super) fn new(files: LogFiles, start: Vec<u64>, client: Weak<Client>) -> Self {
        Self { files, offsets: start.clone(), start, client }
    }

    /// Skips what has been written so far.
    ///
    /// Called before a request, it makes [`next_match`](Self::next_match) wait for a line that the
    /// request has caused.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stdin};
    /// use std::io::Write;
    /// use std::time::Duration;
    ///
    /// let script = "echo ready; while read word; do echo read $word; done";
    /// let mut process = Executor::shell(script).stdin(Stdin::Piped).output("^ready").start()?;
    /// let mut log = process.log().follow();
    /// log.skip_to_end();
    /// let mut stdin = process.take_stdin().expect("it is piped");
    /// writeln!(stdin, "this").expect("the process reads");
    /// assert_eq!(log.next_match("^read", Duration::from_secs(10))?, "read this");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn skip_to_end(&mut self) {
        self.client.upgrade().iter().for_each(|client| client.sync_log());
        self.offsets = self.files.lengths();
    }

    /// Waits for the next line that matches the regular expression `pattern`, and returns it.
    ///
    /// It is the next one after the line that was returned last; what lies between is skipped. If no
    /// line matches, the place stays where it was. The last line counts also while it is unfinished,
    /// and the rest of it is then the next line.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if no such line is written in time, [`Exited`](ErrorKind::Exited)
    /// if the process has ended without it, [`InvalidInput`](ErrorKind::InvalidInput) if the pattern
    /// is faulty.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # use std::time::Duration;
    /// let server = Executor::shell("echo job 1; echo job 2; exec sleep 60").start()?;
    /// let mut log = server.log().follow();
    /// assert_eq!(log.next_match("job", Duration::from_secs(10))?, "job 1");
    /// assert_eq!(log.next_match("job", Duration::from_secs(10))?, "job 2");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn next_match(&mut self, pattern: &str, timeout: Duration) -> Result<String> {
        let timeout = multiplied(timeout);
        let deadline = sys::deadline_after(timeout);
        let mut watcher = Watcher::new();
        let mut followers = Vec::new();
        for (path, offset) in self.files.paths().zip(&self.offsets) {
            followers.push(Follower::new(path.to_owned(), *offset, Matcher::new(pattern, 1)?));
        }
        loop {
            watcher.clear();
            for path in self.files.paths() {
                watcher.watch(path);
            }
            // Asked before the files are read, so that the last lines of a process that has ended
            // are found.
            let client = self.client.upgrade();
            let has_ended =
                client.as_ref().is_none_or(|client| client.state().phase != Phase::Running);
            for (follower, offset) in followers.iter_mut().zip(&mut self.offsets) {
                if let Some(line) = follower.look(deadline)? {
                    *offset = follower.match_end();
                    return Ok(line);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if has_ended || left.is_zero() {
                return Err(self.not_found(pattern, timeout, has_ended));
            }
            let fds = client.iter().map(|client| client.as_fd()).chain(watcher.as_fd());
            let step = left.min(Follower::STEP);
            let _ = sys::wait_readable(&fds.collect::<Vec<_>>(), Some(step)); // Read again anyway.
        }
    }

    fn not_found(&self, pattern: &str, timeout: Duration, has_ended: bool) -> Error {
        let what = match &self.offsets {
            further if *further != self.start => "no further line of output",
            all if all.iter().all(|offset| *offset == 0) => "no line of output",
            _ => "no line of output since the test's lease began",
        };
        let what = format!("{what} matched `{pattern}`");
        let error = if has_ended {
            Error::new(ErrorKind::Exited, format!("{what}, and the process has ended"))
        } else {
            Error::new(ErrorKind::Timeout, format!("{what} within {}", Limit(timeout)))
        };
        let files = self.files.paths().zip(&self.offsets);
        let lines: Vec<_> = files.flat_map(|(path, offset)| lines_after(path, *offset)).collect();
        error.with_report(|report| {
            report.output = Some(match has_ended {
                true => self.files.excerpt_with_earlier(&self.start, LINES_SHOWN),
                false => self.files.excerpt(&self.start, LINES_SHOWN),
            });
            report.help = near_miss(pattern, &lines);
        })
    }
}
