//! Reading files that grow.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::matcher::Matcher;
use crate::error::{Error, Result};

/// How many lines are compared with a pattern that none of them matches.
const LINES_COMPARED: usize = 200;

/// How much of a file is read at once.
const CHUNK: u64 = 256 * 1024; // 256 KiB

/// Looks for a pattern in a file that grows.
pub(crate) struct Follower {
    path: PathBuf,
    start: u64,
    read: u64,
    matcher: Matcher,
}

impl Follower {
    /// How often to look though nothing has woken up who waits: a watch may be lost, and another
    /// thread may read what this one waits for.
    pub(crate) const STEP: Duration = Duration::from_millis(20);

    pub(crate) fn new(path: PathBuf, start: u64, matcher: Matcher) -> Self {
        Self { path, start, read: start, matcher }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The last lines of what it looks through, for a report.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines_behind(&self.path, self.start)
    }

    /// How often the pattern has come, for a report.
    pub(crate) fn seen(&self) -> usize {
        self.matcher.seen()
    }

    /// Reads on, to the end or until the deadline. Returns the line that was looked for, once it is
    /// there.
    pub(crate) fn look(&mut self, deadline: Instant) -> Result<Option<String>> {
        loop {
            let bytes = read_part(&self.path, self.read, CHUNK)?;
            self.read += bytes.len() as u64;
            if bytes.is_empty() {
                return Ok(None);
            }
            let found = self.matcher.feed(&bytes);
            if found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
        }
    }
}

/// The last lines of what is between `start` and `end`, and how many bytes come before them. Not
/// more than a chunk is read, however long the file is.
pub(super) fn last_lines(path: &Path, start: u64, end: u64, shown: usize) -> (Vec<String>, u64) {
    let begin = start.max(end.saturating_sub(CHUNK));
    let bytes = read_part(path, begin, CHUNK).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let (before, last) = lines.split_at(lines.len().saturating_sub(shown));
    let before: usize = before.iter().map(|line| line.len()).sum();
    let last = last.iter().map(|line| line.trim_end_matches(['\n', '\r']).to_owned()).collect();
    (last, begin - start.min(begin) + before as u64)
}

/// The last lines that were written behind `start`, for a closer look at them.
pub(super) fn lines_behind(path: &Path, start: u64) -> Vec<String> {
    let length = path.metadata().map_or(0, |meta| meta.len());
    last_lines(path, start, length, LINES_COMPARED).0
}

/// Reads a part of a file, which ends earlier where the file does.
pub(super) fn read_part(path: &Path, start: u64, length: u64) -> Result<Vec<u8>> {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        io::Result::Ok(bytes)
    };
    read().map_err(|e| Error::os(format!("the log `{}` cannot be read", path.display()), e))
}
