//! Patterns that are searched for in output.

use super::matcher::{Matcher, compile};
use crate::error::{Error, Result};
use crate::syntax::{numbers, pattern};
use crate::types::Stream;

/// A line of output that shows that a process is ready.
///
/// The pattern is a regular expression. It may match anywhere in a line; `^` and `$` match at the
/// ends of a line. A pattern that contains `\n` is matched against all lines together.
///
/// A line is what a terminal would show: escape sequences (colours, titles, links, character sets) and
/// control characters are left out, and a carriage return begins a line, as a line break does.
///
/// A long text is searched in parts, so that a search takes no longer for a longer line. So a match of
/// more than 16 KiB is found for sure only in a finished line of up to 256 KiB; one of a pattern that
/// contains `\n`, only if it is no longer than 64 KiB.
///
/// The last line counts also while it is unfinished, as prompts are. It does not if the pattern has
/// named groups: a group could match a part of the final line.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Banner, Stream};
/// let twice = Banner::new("ready to accept connections").times(2);
/// let on_stderr = Banner::new(r"^listening on .*:\d+$").on(Stream::Stderr);
/// # let _ = (twice, on_stderr);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Banner {
    pub(crate) pattern: String,
    pub(crate) stream: Option<Stream>,
    pub(crate) times: usize,
}

impl Banner {
    /// Returns a pattern that has to match once, on either stream.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Banner, Executor};
    /// let banner = Banner::new("^ready$");
    /// let server = Executor::shell("echo ready; exec sleep 60").output(banner).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into(), stream: None, times: 1 }
    }

    /// Searches this stream only. Default: both.
    ///
    /// The streams then have a file each, so that their order in the [`Log`](crate::Log) is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Banner, Executor, Stream};
    /// let banner = Banner::new("^ready$").on(Stream::Stderr);
    /// let server = Executor::shell("echo ready >&2; exec sleep 60").output(banner).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn on(mut self, stream: Stream) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Waits for this many matches, counted from each start. Default: 1. Zero is an error at the start.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Banner, Executor};
    /// let banner = Banner::new("listening on").times(2);
    /// let script = "echo listening on IPv4; echo listening on IPv6; exec sleep 60";
    /// let server = Executor::shell(script).output(banner).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Returns the names of the groups, which become placeholders.
    pub(crate) fn groups(&self) -> Vec<String> {
        pattern::groups(&self.pattern)
    }

    /// Returns what the groups have matched in the line of the last wanted match.
    pub(crate) fn captured(&self, line: &str) -> Vec<(String, String)> {
        let Ok(pattern) = compile(&self.pattern) else { return Vec::new() };
        let Some(captures) = pattern.captures_iter(line).last() else { return Vec::new() };
        let value = |name: &str| Some((name.to_owned(), captures.name(name)?.as_str().to_owned()));
        pattern.capture_names().flatten().filter_map(value).collect()
    }

    pub(crate) fn matcher(&self) -> Result<Matcher> {
        let times = i64::try_from(self.times).unwrap_or(i64::MAX);
        numbers::check_times(times).map_err(Error::invalid)?;
        Matcher::new(&self.pattern, self.times)
    }
}

impl From<&str> for Banner {
    fn from(pattern: &str) -> Self {
        Self::new(pattern)
    }
}

impl From<String> for Banner {
    fn from(pattern: String) -> Self {
        Self::new(pattern)
    }
}

impl From<&String> for Banner {
    fn from(pattern: &String) -> Self {
        Self::new(pattern)
    }
}
