//! The output of a process, as users read it.

use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use super::files::LogFiles;
use super::follower::{read_part, tail};
use super::lease_marks;
use super::log_follower::LogFollower;
use crate::error::{Output, Result};
use crate::supervisor::Client;

/// The output of a process: what it has written to its standard output and standard error.
///
/// Both streams go to one file, in the order in which they were written, unless a
/// [`Banner`](crate::Banner) is searched for on one stream only. Then each stream has a file of its
/// own, and the text here is that of standard output followed by that of standard error.
///
/// Every method sees what the process wrote before the call. Output that cannot be logged, because the
/// disk is full, is lost; a line in the log and each report say so, and the process goes on.
///
/// The files stay when the process has ended. Those of the last few runs are kept in the target
/// directory, below `mirakuru`.
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
    /// The length of each file when the lease of the calling test began.
    start: Vec<u64>,
    client: Weak<Client>,
}

impl Log {
    /// Returns the log as the test on this thread sees it.
    pub(crate) fn new(files: &LogFiles, client: Weak<Client>) -> Self {
        let start = lease_marks::start(&files.stdout).unwrap_or_else(|| files.beginning());
        Self { files: files.clone(), start, client }
    }

    /// Returns the path of the file: that of both streams, or of standard output alone.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo ready; exec sleep 60").output("ready").start()?;
    /// assert_eq!(std::fs::read_to_string(server.log().path()).unwrap(), "ready\n");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.files.stdout
    }

    /// Returns the path of the file of standard error, if that has one of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Banner, Executor, Stream};
    /// let banner = Banner::new("ready").on(Stream::Stderr);
    /// let server = Executor::shell("echo ready >&2; exec sleep 60").output(banner).start()?;
    /// let log = server.log();
    /// assert_eq!(std::fs::read_to_string(log.stderr_path().unwrap()).unwrap(), "ready\n");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn stderr_path(&self) -> Option<&Path> {
        self.files.stderr.as_deref()
    }

    /// Returns the whole output. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) if the file cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo started; echo ready; exec sleep 60").output("ready").start()?;
    /// assert_eq!(server.log().read()?, "started\nready\n");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn read(&self) -> Result<String> {
        self.read_from(&self.files.beginning())
    }

    /// Returns what was written since the lease of the calling test began. For a process that is not
    /// shared, that is the whole output.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) if the file cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SERVER: Shared =
    ///     Shared::new(|| Executor::shell("echo ready; exec sleep 60").output("ready"));
    /// let server = SERVER.lease()?;
    /// assert_eq!(server.log().read()?, "ready\n");
    /// assert_eq!(server.log().since_lease()?, "");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn since_lease(&self) -> Result<String> {
        self.read_from(&self.start)
    }

    /// Returns the last `n` lines. Only the end of the file is read, however long that is.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) if the file cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo started; echo ready; exec sleep 60").output("ready").start()?;
    /// assert_eq!(server.log().tail(1)?, "ready");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn tail(&self, n: usize) -> Result<String> {
        let mut lines = Vec::new();
        for path in self.files.paths() {
            lines.extend(tail(path, n)?);
        }
        Ok(lines[lines.len().saturating_sub(n)..].join("\n"))
    }

    /// Waits for a line that matches the regular expression `pattern`, and returns it.
    ///
    /// The first such line since the lease of the calling test began is returned, also if it was
    /// written before the call. [`follow`](Self::follow) is for one line after another.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::ErrorKind::Timeout) if no such line is written in time,
    /// [`Exited`](crate::ErrorKind::Exited) if the process has ended without it,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the pattern is faulty.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # use std::time::Duration;
    /// let server = Executor::shell("echo listening; echo loaded 3 users; exec sleep 60").start()?;
    /// let line = server.log().wait_for(r"loaded \d+", Duration::from_secs(10))?;
    /// assert_eq!(line, "loaded 3 users");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn wait_for(&self, pattern: &str, timeout: Duration) -> Result<String> {
        self.follow().next_match(pattern, timeout)
    }

    /// Returns a reader that goes on from where it was: each match is searched for after the one
    /// before. It begins where the lease of the calling test began.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// use std::time::Duration;
    ///
    /// let process = Executor::shell("for i in 1 2 3; do echo job $i done; done; sleep 60").start()?;
    /// let mut log = process.log().follow();
    /// let limit = Duration::from_secs(10);
    /// assert_eq!(log.next_match("done$", limit)?, "job 1 done");
    /// assert_eq!(log.next_match("done$", limit)?, "job 2 done");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn follow(&self) -> LogFollower {
        LogFollower::new(self.files.clone(), self.start.clone(), Weak::clone(&self.client))
    }

    /// Returns the last lines since the lease began, and those before it if the process has died.
    pub(crate) fn excerpt(&self, lines_shown: usize, has_died: bool) -> Output {
        let client = self.client.upgrade();
        client.iter().for_each(|client| client.sync_log());
        let log_failure = client.and_then(|client| client.state().log_failure);
        let output = match has_died {
            true => self.files.excerpt_with_earlier(&self.start, lines_shown),
            false => self.files.excerpt(&self.start, lines_shown),
        };
        Output { log_failure, ..output }
    }

    /// Returns true if the test on this thread has not printed this output yet, and marks it as
    /// printed.
    pub(crate) fn claim_report(&self) -> bool {
        lease_marks::claim_report(&self.files.stdout)
    }

    /// Waits until what the process has written before is in the files.
    fn sync(&self) {
        self.client.upgrade().iter().for_each(|client| client.sync_log());
    }

    fn read_from(&self, start: &[u64]) -> Result<String> {
        self.sync();
        let mut text = String::new();
        for (path, start) in self.files.paths().zip(start) {
            text.push_str(&String::from_utf8_lossy(&read_part(path, *start, u64::MAX)?));
        }
        Ok(text)
    }
}
