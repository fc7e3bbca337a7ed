//! Reading files that grow.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::matcher::Matcher;
use super::repeats;
use super::terminal::{self, Line};
use crate::error::{Error, Result};

/// The number of lines that are compared with a pattern that none of them matches.
const LINES_COMPARED: usize = 200;

/// The number of bytes that are searched at once. The deadline is looked at after each.
const CHUNK: u64 = 64 * 1024; // 64 KiB

/// The number of bytes at the end of a file that are read for a report.
const END: u64 = 256 * 1024; // 256 KiB

/// Searches a file that grows for a pattern.
pub(crate) struct Follower {
    path: PathBuf,
    start: u64,
    read: u64,
    matcher: Matcher,
}

impl Follower {
    /// The longest time between two looks, even if no event wakes the waiting thread: a watch may
    /// be lost, and another thread may read the event.
    pub(crate) const STEP: Duration = Duration::from_millis(20);

    pub(crate) fn new(path: PathBuf, start: u64, matcher: Matcher) -> Self {
        Self { path, start, read: start, matcher }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the last lines of the searched text, for a report.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines_after(&self.path, self.start)
    }

    /// Returns how often the pattern has matched, for a report.
    pub(crate) fn seen(&self) -> usize {
        self.matcher.seen()
    }

    /// Reads on to the end of the file or until the deadline. Returns the line of the last wanted
    /// match, once it is there.
    pub(crate) fn look(&mut self, deadline: Instant) -> Result<Option<String>> {
        loop {
            let bytes = read_part(&self.path, self.read, CHUNK)?;
            self.read += bytes.len() as u64;
            let mut found = self.matcher.feed(&bytes);
            let is_end = (bytes.len() as u64) < CHUNK;
            if is_end {
                found = found.or_else(|| self.matcher.unfinished());
            }
            if is_end || found.is_some() || Instant::now() >= deadline {
                return Ok(found);
            }
        }
    }

    /// Returns where in the file the line ends that `look` has returned.
    pub(super) fn match_end(&self) -> u64 {
        self.start + self.matcher.match_end()
    }
}

/// Returns the last lines between `start` and `end`, as a terminal shows them and with their repeats
/// counted, and how many bytes are before them.
///
/// Reads a part of the file only, however long that is.
pub(super) fn last_lines(path: &Path, start: u64, end: u64, count: usize) -> (Vec<String>, u64) {
    let (begin, lines) = end_of(path, start, end);
    let last = repeats::last(lines, count);
    let before = last.first().map_or(0, |line| line.start);
    (last.into_iter().map(|line| line.text).collect(), begin - start.min(begin) + before)
}

/// Returns the lines at the end of a part of the file, and where they begin.
fn end_of(path: &Path, start: u64, end: u64) -> (u64, Vec<Line>) {
    let begin = start.max(end.saturating_sub(END));
    let bytes = read_part(path, begin, end.saturating_sub(begin)).unwrap_or_default();
    (begin, terminal::lines(&bytes))
}

/// Returns the last lines of a file as they were written, without their ends. Reads the end only.
pub(super) fn tail(path: &Path, count: usize) -> Result<Vec<String>> {
    let mut start = path.metadata().map_or(0, |meta| meta.len());
    let mut parts = Vec::new();
    let mut breaks = 0;
    // The break after the last line is one more.
    while start > 0 && breaks <= count {
        let length = start.min(CHUNK);
        start -= length;
        let part = read_part(path, start, length)?;
        breaks += part.iter().filter(|byte| **byte == b'\n').count();
        parts.push(part);
    }
    parts.reverse();
    let text = parts.concat();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect())
}

/// Returns the last lines after `start`, for a comparison with a pattern.
pub(super) fn lines_after(path: &Path, start: u64) -> Vec<String> {
    let length = path.metadata().map_or(0, |meta| meta.len());
    let mut lines = end_of(path, start, length).1;
    let last = lines.split_off(lines.len().saturating_sub(LINES_COMPARED));
    last.into_iter().map(|line| line.text).collect()
}

/// Reads up to `length` bytes of a file.
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
