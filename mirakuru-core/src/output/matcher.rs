//! The search for a pattern in a text that grows.

use regex_lite::Regex;

use super::terminal::without_escapes;
use crate::error::{Error, Result};
use crate::syntax::pattern;

/// Searches a text that comes in pieces for a pattern.
pub(crate) struct Matcher {
    pattern: Regex,
    /// The number of matches that are wanted.
    times: usize,
    /// The number of matches that are still missing.
    wanted: usize,
    across_lines: bool,
    /// Set if only finished lines count, because a group could match a part of an unfinished one.
    needs_end: bool,
    /// The pattern, if it is plain text. Most are, and a piece without it can be skipped at once.
    literal: Option<String>,
    /// The text that may still match: the unfinished line, or everything for a pattern that spans
    /// lines.
    text: Vec<u8>,
    /// The number of bytes before `text`.
    dropped: u64,
    /// The end of the line of the last wanted match.
    match_end: u64,
}

impl Matcher {
    pub(crate) fn new(pattern: &str, times: usize) -> Result<Self> {
        let compiled = compile(pattern)?;
        let needs_end = compiled.capture_names().flatten().next().is_some();
        let across_lines = pattern.contains('\n') || pattern.contains("\\n");
        let literal = pattern::is_plain(pattern).then(|| pattern.to_owned());
        Ok(Self {
            pattern: compiled,
            times,
            wanted: times,
            across_lines,
            needs_end,
            literal,
            text: Vec::new(),
            dropped: 0,
            match_end: 0,
        })
    }

    /// Adds the next piece. Returns the line of the last wanted match, once it has come.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<String> {
        self.text.extend_from_slice(piece);
        if self.across_lines { self.search_all() } else { self.search_lines() }
    }

    /// Returns how many bytes after the beginning of the text the returned line ends.
    pub(crate) fn match_end(&self) -> u64 {
        self.match_end
    }

    fn search_all(&mut self) -> Option<String> {
        let end = if self.needs_end { self.finished() } else { self.text.len() };
        let text = without_escapes(&self.text[..end]);
        let last = self.pattern.find_iter(&text).nth(self.wanted - 1)?;
        // Escape sequences contain no line breaks, so lines can be counted in either text.
        let breaks = text[..last.end()].matches('\n').count();
        let is_at_end = last.end() > 0 && text[..last.end()].ends_with('\n');
        let line = if is_at_end { breaks } else { breaks + 1 };
        let mut ends = self.text[..end].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len);
        self.match_end = ends.by_ref().take(line).sum::<usize>() as u64;
        Some(last.as_str().to_owned())
    }

    fn search_lines(&mut self) -> Option<String> {
        let rest = self.text.split_off(self.finished());
        let finished = std::mem::replace(&mut self.text, rest);
        if !self.can_skip(&finished) {
            for raw in finished.split_inclusive(|byte| *byte == b'\n') {
                self.dropped += raw.len() as u64;
                let line = without_escapes(raw);
                let line = line.trim_end_matches(['\n', '\r']);
                let matches = self.pattern.find_iter(line).count();
                if matches >= self.wanted {
                    self.match_end = self.dropped;
                    return Some(line.to_owned());
                }
                self.wanted -= matches;
            }
        } else {
            self.dropped += finished.len() as u64;
        }
        self.search_unfinished()
    }

    /// Returns how often the pattern has matched, for a report.
    pub(crate) fn seen(&self) -> usize {
        let end = if self.needs_end { self.finished() } else { self.text.len() };
        self.times - self.wanted
            + self.pattern.find_iter(&without_escapes(&self.text[..end])).count()
    }

    /// Returns where the unfinished line begins.
    fn finished(&self) -> usize {
        self.text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
    }

    fn search_unfinished(&mut self) -> Option<String> {
        // If nothing was written after the last line break, there is no line.
        if self.needs_end || self.text.is_empty() {
            return None;
        }
        let line = without_escapes(&self.text);
        let is_found = self.pattern.find_iter(&line).count() >= self.wanted;
        self.match_end = self.dropped + self.text.len() as u64;
        is_found.then_some(line)
    }

    fn can_skip(&self, finished: &[u8]) -> bool {
        let Some(literal) = &self.literal else { return false };
        let text = String::from_utf8_lossy(finished);
        !text.contains(literal.as_str()) && !text.contains('\x1b')
    }
}

/// Compiles a pattern for output.
pub(super) fn compile(pattern: &str) -> Result<Regex> {
    pattern::compile(pattern).map_err(|what| Error::invalid(what).with_help(pattern::help(pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Banner;

    fn scan(banner: Banner, pieces: &[&str]) -> Option<String> {
        let mut matcher = banner.matcher().unwrap();
        pieces.iter().find_map(|piece| matcher.feed(piece.as_bytes()))
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
    fn groups_are_captured_from_a_finished_line() {
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
    fn colours_are_ignored() {
        assert_eq!(
            scan("^ready now$".into(), &["\x1b[1;32mready\x1b[0m now\n"]).unwrap(),
            "ready now"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_skipped() {
        let mut matcher = Matcher::new("ready", 1).unwrap();
        assert!(matcher.feed(b"\xff\xfe ready\n").is_some());
    }

    #[test]
    fn a_faulty_pattern_is_an_error() {
        for banner in [Banner::new("("), Banner::new(""), Banner::new("x").times(0)] {
            assert!(banner.matcher().is_err(), "{banner:?}");
        }
    }

    #[test]
    fn a_line_that_has_not_begun_does_not_count() {
        assert_eq!(scan(Banner::new("^$").times(2), &["\n", "b\n"]), None);
        assert_eq!(scan(Banner::new("^$").times(2), &["\nb\n", "\nc"]).unwrap(), "");
    }

    #[test]
    fn it_counts_how_often_the_pattern_has_matched() {
        let mut matcher = Banner::new("x").times(5).matcher().unwrap();
        for (piece, seen) in [("a\n", 0), ("x\n", 1), ("x x", 3), ("\n", 3)] {
            assert_eq!(matcher.feed(piece.as_bytes()), None);
            assert_eq!(matcher.seen(), seen, "{piece}");
        }
    }

    #[test]
    fn the_end_of_the_matching_line_is_known() {
        for (pattern, pieces, end) in [
            ("b", &["a\nb\nc\n"][..], 4),
            ("b", &["a\n", "x\x1b[1mb\x1b[0mx\n", "c"], 14),
            ("b", &["a\nb\r\nc"], 5),
            ("db> $", &["x\ndb> "], 6),
            ("a\\nb", &["a\n", "bc\nd\n"], 5),
            ("a\\nb\\n", &["a\nb\nd\n"], 4),
        ] {
            let mut matcher = Matcher::new(pattern, 1).unwrap();
            assert!(pieces.iter().any(|piece| matcher.feed(piece.as_bytes()).is_some()));
            assert_eq!(matcher.match_end(), end, "{pattern}");
        }
    }
}
