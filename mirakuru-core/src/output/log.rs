//! The output of a process, as users read it.

use std::path::Path;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::files::{LINES_SHOWN, LogFiles};
use super::follower::{Follower, lines_behind, read_part};
use super::lease_marks;
use super::matcher::Matcher;
use super::near_miss::near_miss;
use crate::error::{Error, ErrorKind, Output, Result, Seconds};
use crate::supervisor::{Client, Phase};
use crate::sys::{self, Watcher};

/// What a process has written to its standard output and standard error.
///
/// Both go to one file, in the order in which they were written, unless a
/// [`Banner`](crate::Banner) is looked for on one stream only: then each has a file of its own, and
/// the text here is that of standard output followed by that of standard error. The file stays
/// when the process ends; those of the last few runs of the tests are kept in the target folder,
/// below `mirakuru`.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Executor;
/// use std::time::Duration;
///
/// let process = Executor::shell("echo started; sleep 60").start()?;
/// let line = process.log().wait_for("^start", Duration::from_secs(10))?;
/// assert_eq!(line, "started");
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Log {
    files: LogFiles,
    /// Where the lease of the calling test began, for each file.
    start: Vec<u64>,
    client: Weak<Client>,
}

impl Log {
    /// What the test on this thread sees of the files.
    pub(crate) fn new(files: &LogFiles, client: Weak<Client>) -> Self {
        let start = lease_marks::start(&files.stdout).unwrap_or_else(|| files.beginning());
        Self { files: files.clone(), start, client }
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.files.stdout
    }

    /// Returns all that was written. Bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self) -> Result<String> {
        self.read_from(&self.files.beginning())
    }

    /// Returns what was written since the lease of the calling test began; for a process of its
    /// own, all.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn since_lease(&self) -> Result<String> {
        self.read_from(&self.start)
    }

    /// Returns the last `n` lines.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn tail(&self, n: usize) -> Result<String> {
        let text = self.read()?;
        let lines: Vec<_> = text.lines().collect();
        Ok(lines[lines.len().saturating_sub(n)..].join("\n"))
    }

    /// Waits until a line matches the regular expression `pattern`, and returns the line. Lines
    /// that were written before the lease of the calling test began do not count.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if no such line comes in time, [`Exited`](ErrorKind::Exited)
    /// if the process has ended without it, [`InvalidInput`](ErrorKind::InvalidInput) if the
    /// pattern is faulty.
    pub fn wait_for(&self, pattern: &str, timeout: Duration) -> Result<String> {
        let deadline = sys::deadline_after(timeout);
        let mut watcher = Watcher::new();
        let mut readers = Vec::new();
        for (path, start) in self.files.paths().zip(&self.start) {
            watcher.watch(path);
            readers.push(Follower::new(path.to_owned(), *start, Matcher::new(pattern, 1)?));
        }
        loop {
            watcher.clear();
            // Before the look at the log, so that the last lines of an ended process are seen.
            let client = self.client.upgrade();
            let ended = client.as_ref().is_none_or(|client| client.state().phase != Phase::Running);
            for reader in &mut readers {
                if let Some(line) = reader.look(deadline)? {
                    return Ok(line);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if ended || left.is_zero() {
                return Err(self.not_found(pattern, timeout, ended));
            }
            let fds = client.iter().map(|client| client.as_fd()).chain(watcher.as_fd());
            let step = left.min(Follower::STEP);
            let _ = sys::wait_readable(&fds.collect::<Vec<_>>(), Some(step)); // Looked at anyway.
        }
    }

    fn not_found(&self, pattern: &str, timeout: Duration, ended: bool) -> Error {
        let since = if self.is_whole() { "" } else { " since the test's lease began" };
        let what = format!("no line of output{since} matched `{pattern}`");
        let error = if ended {
            Error::new(ErrorKind::Exited, format!("{what}, and the process has ended"))
        } else {
            Error::new(ErrorKind::Timeout, format!("{what} within {}", Seconds(timeout)))
        };
        let files = self.files.paths().zip(&self.start);
        let lines: Vec<_> = files.flat_map(|(path, start)| lines_behind(path, *start)).collect();
        error.with_report(|report| {
            report.output = Some(self.excerpt(LINES_SHOWN));
            report.help = near_miss(pattern, &lines);
        })
    }

    /// Whether nothing was written before the lease began.
    fn is_whole(&self) -> bool {
        self.start.iter().all(|start| *start == 0)
    }

    /// Returns the last lines since the lease began, and how much came before them.
    pub(crate) fn excerpt(&self, shown: usize) -> Output {
        self.files.excerpt(&self.start, shown)
    }

    /// Returns true if the test on this thread has yet to show this output, which it then has.
    pub(crate) fn claim_report(&self) -> bool {
        lease_marks::claim_report(&self.files.stdout)
    }

    fn read_from(&self, start: &[u64]) -> Result<String> {
        let mut text = String::new();
        for (path, start) in self.files.paths().zip(start) {
            text.push_str(&String::from_utf8_lossy(&read_part(path, *start, u64::MAX)?));
        }
        Ok(text)
    }
}
