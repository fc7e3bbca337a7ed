//! Patterns that are looked for in output.

use regex_lite::Regex;

use super::matcher::{Matcher, compile};
use crate::error::{Error, Result};
use crate::types::Stream;

/// A line of output that says that a process is ready.
///
/// The pattern is a regular expression. It may match anywhere in a line; `^` and `$` are the ends
/// of the line. A pattern that holds `\n` is matched against all lines together. The last line
/// counts also while it is unfinished, as prompts are, unless the pattern has named groups: they could
/// match a part of what is meant. Colours are left out before matching.
///
/// # Examples
///
/// ```
/// use mirakuru_core::{Banner, Stream};
///
/// let twice = Banner::new("ready to accept connections").times(2);
/// let on_stderr = Banner::new(r"^listening on .*:\d+$").on(Stream::Stderr);
/// # let _ = (twice, on_stderr);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    pub(crate) pattern: String,
    pub(crate) stream: Option<Stream>,
    pub(crate) times: usize,
}

impl Banner {
    /// A pattern that has to come once, on either stream.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Self { pattern: pattern.into(), stream: None, times: 1 }
    }

    /// Looks at this stream only. Default: both.
    #[must_use]
    pub fn on(mut self, stream: Stream) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Asks for this many occurrences, counted anew at each start. Default: 1.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// The names of the groups, which become placeholders.
    pub(crate) fn groups(&self) -> Vec<String> {
        let pattern = Regex::new(&self.pattern).ok();
        let names = pattern.iter().flat_map(|pattern| pattern.capture_names().flatten());
        names.map(str::to_owned).collect()
    }

    /// What the groups have matched in the line of the last wanted match.
    pub(crate) fn captured(&self, line: &str) -> Vec<(String, String)> {
        let Ok(pattern) = compile(&self.pattern) else { return Vec::new() };
        let Some(captures) = pattern.captures_iter(line).last() else { return Vec::new() };
        let value = |name: &str| Some((name.to_owned(), captures.name(name)?.as_str().to_owned()));
        pattern.capture_names().flatten().filter_map(value).collect()
    }

    pub(crate) fn matcher(&self) -> Result<Matcher> {
        if self.times == 0 {
            return Err(Error::invalid(
                "an output pattern that has to come 0 times waits for nothing",
            ));
        }
        Matcher::new(&self.pattern, self.times)
    }
}

impl<S: Into<String>> From<S> for Banner {
    fn from(pattern: S) -> Self {
        Self::new(pattern)
    }
}
