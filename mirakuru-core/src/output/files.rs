//! The files that hold the output of a process.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::follower::{Follower, last_lines};
use super::matcher::Matcher;
use crate::diagnostics::log_dir;
use crate::error::{Error, Output, Result};
use crate::types::Stream;

/// The number of output lines in an error report.
pub(super) const LINES_SHOWN: usize = 20;

/// Stands between the lines before a lease and those since then.
const LEASED_HERE: &str = "<here this test leased it>";

/// The files with the output of one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFiles {
    pub(crate) stdout: PathBuf,
    /// Set if standard error has a file of its own.
    pub(crate) stderr: Option<PathBuf>,
}

impl LogFiles {
    /// Chooses paths for new files. With `split`, each stream has a file of its own.
    pub(crate) fn create(name: &str, split: bool) -> Result<Self> {
        static SERIAL: AtomicU64 = AtomicU64::new(1);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name: String =
            name.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).take(40).collect();
        let stem = format!("{name}-{}-{serial}", std::process::id());
        let dir = log_dir::log_dir()?;
        let stdout = dir.join(format!("{stem}.log"));
        let stderr = split.then(|| dir.join(format!("{stem}.err.log")));
        Ok(Self { stdout, stderr })
    }

    /// Returns the files of a server that another process has started.
    pub(crate) fn existing(stdout: PathBuf, stderr: Option<PathBuf>) -> Self {
        Self { stdout, stderr }
    }

    /// Opens the files for the supervisor: that of standard output and that of standard error.
    pub(crate) fn open(&self) -> Result<[File; 2]> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            // Not for appending: the kernel moves no bytes from a pipe to the end of a file.
            let mut file = options.create(true).write(true).mode(0o600).open(path)?;
            file.seek(SeekFrom::End(0))?;
            io::Result::Ok(file)
        };
        let both = || {
            let stdout = open(&self.stdout)?;
            let stderr = self.stderr.as_deref().map_or_else(|| stdout.try_clone(), open)?;
            Ok([stdout, stderr])
        };
        let path = self.stdout.display();
        both().map_err(|e| Error::os(format!("the log `{path}` cannot be opened"), e))
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.stdout.as_path()).chain(self.stderr.as_deref())
    }

    /// Returns the files of one stream, or of both.
    pub(crate) fn of(&self, stream: Option<Stream>) -> Vec<PathBuf> {
        match (stream, &self.stderr) {
            (Some(Stream::Stdout), _) | (_, None) => vec![self.stdout.clone()],
            (Some(Stream::Stderr), Some(stderr)) => vec![stderr.clone()],
            (None, Some(stderr)) => vec![self.stdout.clone(), stderr.clone()],
        }
    }

    /// Returns followers of what is written from now on.
    pub(crate) fn followers(
        &self,
        stream: Option<Stream>,
        matcher: impl Fn() -> Result<Matcher>,
    ) -> Result<Vec<Follower>> {
        let follower = |path: PathBuf| {
            let start = path.metadata().map_or(0, |meta| meta.len());
            Ok(Follower::new(path, start, matcher()?))
        };
        self.of(stream).into_iter().map(follower).collect()
    }

    /// Empties the files.
    pub(crate) fn clear(&self) {
        for path in self.paths() {
            let _ = OpenOptions::new().write(true).truncate(true).open(path); // It may grow on.
        }
    }

    pub(super) fn lengths(&self) -> Vec<u64> {
        self.paths().map(|path| path.metadata().map_or(0, |meta| meta.len())).collect()
    }

    /// Returns the last lines that were written after `start`.
    pub(super) fn excerpt(&self, start: &[u64], lines_shown: usize) -> Output {
        let is_whole = start.iter().all(|start| *start == 0);
        let label = if is_whole { "output" } else { "output since this test leased it" };
        self.output(label, start, |path, start, end| last_lines(path, start, end, lines_shown))
    }

    /// Returns the same, below the last lines before `start` unless lines after it are left out. The
    /// reason why a process has ended may be among them.
    pub(super) fn excerpt_with_earlier(&self, start: &[u64], lines_shown: usize) -> Output {
        self.output("output", start, |path, start, end| {
            let (since, omitted) = last_lines(path, start, end, lines_shown);
            if start == 0 || omitted > 0 {
                return (since, omitted);
            }
            let (mut lines, omitted) = last_lines(path, 0, start, LINES_SHOWN);
            lines.push(LEASED_HERE.to_owned());
            lines.extend(since);
            (lines, omitted)
        })
    }

    /// Returns the lines that `read` finds in each file, from `start` to its end.
    fn output(
        &self,
        label: &'static str,
        start: &[u64],
        read: impl Fn(&Path, u64, u64) -> (Vec<String>, u64),
    ) -> Output {
        let (mut lines, mut omitted) = (Vec::new(), 0);
        for ((path, start), length) in self.paths().zip(start).zip(self.lengths()) {
            let (last, before) = read(path, *start, length);
            lines.extend(last);
            omitted += before;
        }
        Output { label, lines, omitted, paths: self.of(None), log_failure: None }
    }

    /// Returns the last lines, for a report.
    pub(crate) fn tail(&self) -> Output {
        self.excerpt(&self.beginning(), LINES_SHOWN)
    }

    /// Returns the last line, unless it is empty.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.excerpt(&self.beginning(), 1).lines.pop().filter(|line| !line.is_empty())
    }

    /// Returns where the whole output begins.
    pub(super) fn beginning(&self) -> Vec<u64> {
        vec![0; self.paths().count()]
    }
}
