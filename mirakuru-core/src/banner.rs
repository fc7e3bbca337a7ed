//! A pattern in the output, and looking for it in a growing text.

use regex_lite::Regex;

use crate::error::{Error, Result};

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

/// One of the two streams that a process writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
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
        let Ok(pattern) = compiled(&self.pattern) else { return Vec::new() };
        let Some(captures) = pattern.captures_iter(line).last() else { return Vec::new() };
        let value = |name: &str| Some((name.to_owned(), captures.name(name)?.as_str().to_owned()));
        pattern.capture_names().flatten().filter_map(value).collect()
    }

    pub(crate) fn scanner(&self) -> Result<Scanner> {
        if self.times == 0 {
            return Err(Error::invalid(
                "an output pattern that has to come 0 times waits for nothing",
            ));
        }
        Scanner::new(&self.pattern, self.times)
    }
}

impl<S: Into<String>> From<S> for Banner {
    fn from(pattern: S) -> Self {
        Self::new(pattern)
    }
}

/// Looks for a pattern in a text that comes in pieces.
pub(crate) struct Scanner {
    pattern: Regex,
    /// How many matches are wanted in all, and how many still.
    times: usize,
    wanted: usize,
    across_lines: bool,
    /// Whether only finished lines count: of another, a group could match a part of what is meant.
    needs_end: bool,
    /// The pattern, if it is a plain text: most are, and a chunk without it needs no closer look.
    literal: Option<String>,
    /// What has come and was not dismissed: the unfinished line, or all.
    text: Vec<u8>,
}

impl Scanner {
    pub(crate) fn new(pattern: &str, times: usize) -> Result<Self> {
        if pattern.is_empty() {
            return Err(Error::invalid("an empty output pattern matches everything"));
        }
        let compiled = compiled(pattern)?;
        let needs_end = compiled.capture_names().flatten().next().is_some();
        let across_lines = pattern.contains('\n') || pattern.contains("\\n");
        let literal = is_plain(pattern).then(|| pattern.to_owned());
        let (pattern, text) = (compiled, Vec::new());
        Ok(Self { pattern, times, wanted: times, across_lines, needs_end, literal, text })
    }

    /// Takes in the next piece. Returns the line of the last wanted match, once it has come.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<String> {
        self.text.extend_from_slice(piece);
        if self.across_lines {
            let end = if self.needs_end { self.finished() } else { self.text.len() };
            let text = plain(&self.text[..end]);
            let last = self.pattern.find_iter(&text).nth(self.wanted - 1)?;
            return Some(last.as_str().to_owned());
        }
        let rest = self.text.split_off(self.finished());
        let finished = std::mem::replace(&mut self.text, rest);
        if self.can_skip(&finished) {
            return self.look_at_unfinished();
        }
        for line in finished.split_inclusive(|byte| *byte == b'\n') {
            let line = plain(line);
            let line = line.trim_end_matches(['\n', '\r']);
            let matches = self.pattern.find_iter(line).count();
            if matches >= self.wanted {
                return Some(line.to_owned());
            }
            self.wanted -= matches;
        }
        self.look_at_unfinished()
    }

    /// How often the pattern has come, for a report.
    pub(crate) fn seen(&self) -> usize {
        let end = if self.needs_end { self.finished() } else { self.text.len() };
        self.times - self.wanted + self.pattern.find_iter(&plain(&self.text[..end])).count()
    }

    /// Where the unfinished line begins.
    fn finished(&self) -> usize {
        self.text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    }

    fn look_at_unfinished(&self) -> Option<String> {
        // Where nothing has come yet, there is no line.
        if self.needs_end || self.text.is_empty() {
            return None;
        }
        let line = plain(&self.text);
        let found = self.pattern.find_iter(&line).count() >= self.wanted;
        found.then_some(line)
    }

    fn can_skip(&self, finished: &[u8]) -> bool {
        let Some(literal) = &self.literal else { return false };
        let text = String::from_utf8_lossy(finished);
        !text.contains(literal.as_str()) && !text.contains('\x1b')
    }
}

fn compiled(pattern: &str) -> Result<Regex> {
    Regex::new(&format!("(?m){pattern}")).map_err(|error| {
        let what = format!("the pattern `{pattern}` is not a regular expression: {error}");
        Error::invalid(what).with_help(match has_placeholder(pattern) {
            true => "a pattern has no placeholders: `\\d+` matches any port",
            false => "a backslash before a character takes it as it is: `\\(`",
        })
    })
}

/// The text without what a terminal would take for colours and the like.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, sequence)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        // A control sequence ends with the first character from `@` on.
        let end = sequence.find(|c: char| ('@'..='~').contains(&c));
        rest = end.map_or("", |end| &sequence[end + 1..]);
    }
    plain.push_str(rest);
    plain
}

/// Whether a pattern is a text that stands for itself.
fn is_plain(pattern: &str) -> bool {
    regex_lite::escape(pattern) == pattern
}

fn has_placeholder(pattern: &str) -> bool {
    ["{port", "{udp", "{dir}", "{bin:"].iter().any(|begin| pattern.contains(begin))
}

/// From here on, a line is near to a text.
const NEAR: f64 = 0.75;

/// How much of a line is compared or shown.
const SHOWN: usize = 160;

/// What comes near to a pattern that no line has matched: how, and which line.
pub(crate) fn near_miss(pattern: &str, lines: &[String]) -> Option<String> {
    let lines: Vec<_> = lines.iter().map(|line| plain(line.as_bytes())).collect();
    let matching = |pattern: &str| {
        let pattern = Regex::new(pattern).ok()?;
        lines.iter().rev().find(|line| pattern.is_match(line))
    };
    let shown = |line: &str| format!("`{}`", line.chars().take(SHOWN).collect::<String>());
    if let Some(line) = matching(&format!("(?mi){pattern}")) {
        return Some(format!("{} differs in upper and lower case only", shown(line)));
    }
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = inner.strip_suffix('$').filter(|rest| !rest.ends_with('\\')).unwrap_or(inner);
    if let Some(line) = matching(inner).filter(|_| inner != pattern && !inner.is_empty()) {
        return Some(format!("{} matches without `^` and `$`", shown(line)));
    }
    let (similarity, line) = lines
        .iter()
        .filter(|_| is_plain(inner))
        .map(|line| (similarity(inner, line), line))
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    (similarity >= NEAR).then(|| format!("{} is near", shown(line)))
}

/// How near a line, or a part of it with as many words, comes to a text: 1.0 is the same.
fn similarity(text: &str, line: &str) -> f64 {
    let line: String = line.chars().take(SHOWN).collect();
    let words: Vec<_> = line.split_whitespace().collect();
    let parts = words.windows(text.split_whitespace().count().max(1)).map(|part| part.join(" "));
    let similarity = |part: &str| strsim::normalized_levenshtein(text, part);
    parts.map(|part| similarity(&part)).fold(similarity(line.trim()), f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(banner: Banner, pieces: &[&str]) -> Option<String> {
        let mut scanner = banner.scanner().unwrap();
        pieces.iter().find_map(|piece| scanner.feed(piece.as_bytes()))
    }

    #[test]
    fn a_match_anywhere_in_a_line_counts() {
        assert_eq!(scan("b.n".into(), &["a\nx ban y\nz\n"]).unwrap(), "x ban y");
    }

    #[test]
    fn a_banner_in_two_pieces_is_found() {
        assert_eq!(scan("BANNER".into(), &["x\nBAN", "NER", "\n"]).unwrap(), "BANNER");
    }

    #[test]
    fn an_unfinished_line_counts_once() {
        assert_eq!(scan("db> $".into(), &["hello\ndb> "]).unwrap(), "db> ");
        assert_eq!(scan(Banner::new("x").times(2), &["x", "y\n", "z\n"]), None);
    }

    #[test]
    fn anchors_are_the_ends_of_a_line() {
        assert_eq!(scan("^b$".into(), &["a\r\nb\r\n"]).unwrap(), "b");
        assert_eq!(scan("^b".into(), &["ab\n"]), None);
    }

    #[test]
    fn the_nth_occurrence_is_waited_for() {
        let twice = || Banner::new("ready").times(2);
        assert_eq!(scan(twice(), &["ready\n", "more\n"]), None);
        assert_eq!(scan(twice(), &["1 ready\n", "2 ready\n"]).unwrap(), "2 ready");
    }

    #[test]
    fn a_pattern_with_a_line_break_matches_across_pieces() {
        assert_eq!(scan("a\\nb".into(), &["a\n", "b\n"]).unwrap(), "a\nb");
    }

    #[test]
    fn what_groups_match_is_taken_from_a_finished_line() {
        let banner = Banner::new(r"port (?<port>\d+)(?: of (?<host>\w+))?");
        assert_eq!(banner.groups(), ["port", "host"]);
        assert_eq!(scan(banner.clone(), &["port 80"]), None);
        let line = scan(banner.clone(), &["port 80", "80\n"]).unwrap();
        assert_eq!(banner.captured(&line), [("port".to_owned(), "8080".to_owned())]);
        let line = "port 1 of a, port 2 of b";
        let last = ["2", "b"].map(str::to_owned);
        assert_eq!(banner.captured(line).into_iter().map(|it| it.1).collect::<Vec<_>>(), last);
    }

    #[test]
    fn colours_are_left_out() {
        assert_eq!(
            scan("^ready now$".into(), &["\x1b[1;32mready\x1b[0m now\n"]).unwrap(),
            "ready now"
        );
    }

    #[test]
    fn bytes_that_are_no_text_do_not_hinder() {
        let mut scanner = Scanner::new("ready", 1).unwrap();
        assert!(scanner.feed(b"\xff\xfe ready\n").is_some());
    }

    #[test]
    fn a_faulty_pattern_is_an_error() {
        for banner in [Banner::new("("), Banner::new(""), Banner::new("x").times(0)] {
            assert!(banner.scanner().is_err(), "{banner:?}");
        }
    }

    #[test]
    fn a_line_that_has_not_begun_does_not_count() {
        assert_eq!(scan(Banner::new("^$").times(2), &["\n", "b\n"]), None);
        assert_eq!(scan(Banner::new("^$").times(2), &["\nb\n", "\nc"]).unwrap(), "");
    }

    #[test]
    fn it_is_told_how_often_the_pattern_has_come() {
        let mut scanner = Banner::new("x").times(5).scanner().unwrap();
        for (piece, seen) in [("a\n", 0), ("x\n", 1), ("x x", 3), ("\n", 3)] {
            assert_eq!(scanner.feed(piece.as_bytes()), None);
            assert_eq!(scanner.seen(), seen, "{piece}");
        }
    }

    #[test]
    fn a_line_that_nearly_matches_is_told() {
        for (pattern, line, told) in [
            (
                "ready",
                "Server READY now",
                "`Server READY now` differs in upper and lower case only",
            ),
            ("^ready$", "12:00 ready", "`12:00 ready` matches without `^` and `$`"),
            (
                "ready to accept connections",
                "[1] redy to acept connections tcp",
                "`[1] redy to acept connections tcp` is near",
            ),
            ("^listning$", "\x1b[1mlistening\x1b[0m", "`listening` is near"),
        ] {
            assert_eq!(near_miss(pattern, &[line.to_owned()]).as_deref(), Some(told), "{pattern}");
        }
    }

    #[test]
    fn another_line_is_not_near() {
        for pattern in ["ready to accept connections", "r.ady", "^ready$", "\\$"] {
            let lines = ["starting up".to_owned(), "loading the data base".to_owned()];
            assert_eq!(near_miss(pattern, &lines), None, "{pattern}");
        }
        assert_eq!(near_miss("ready", &[]), None);
    }
}
