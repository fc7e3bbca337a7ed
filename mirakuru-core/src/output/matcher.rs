//! The search for a pattern in a text that grows.

use std::ops::Range;

use regex_lite::Regex;

use super::terminal::{Shown, Terminal};
use crate::error::{Error, Result};
use crate::syntax::pattern;

/// The size of a text that is searched again with each piece, in bytes. In a longer one, only the end
/// is: a search takes no more time for a longer line.
const REACH: usize = 16 * 1024; // 16 KiB

/// The same for a pattern that spans lines.
const REACH_ACROSS: usize = 64 * 1024; // 64 KiB

/// The size from which on the beginning of a line is forgotten.
const KEPT_MAX: usize = 256 * 1024; // 256 KiB

/// Searches a text that comes in pieces for a pattern.
pub(crate) struct Matcher {
    finder: Finder,
    /// A text that every match contains. Lines without it are skipped.
    required: Option<String>,
    /// The number of matches that are wanted.
    times: usize,
    /// The number of matches that were missing when the text began.
    wanted: usize,
    across_lines: bool,
    /// Set if only finished lines count, because a group could match a part of an unfinished one.
    needs_end: bool,
    terminal: Terminal,
    /// The first bytes of a character whose last ones have not come yet.
    cut_off: Vec<u8>,
    /// The text that may still match: the unfinished line, or everything for a pattern that spans
    /// lines.
    text: String,
    /// Where the lines of `text` end, there and in the file, for a pattern that spans lines.
    line_ends: Vec<(usize, u64)>,
    /// Where the search goes on in `text`.
    place: Place,
    /// The number of matches before that place.
    matched: usize,
    /// The beginning of `text` was forgotten.
    is_shortened: bool,
    /// Something was written since the unfinished line was searched.
    has_grown: bool,
    reach: usize,
    kept_max: usize,
    /// The end of the line of the last wanted match.
    match_end: u64,
}

impl Matcher {
    pub(crate) fn new(pattern: &str, times: usize) -> Result<Self> {
        let compiled = compile(pattern)?;
        let needs_end = compiled.capture_names().flatten().next().is_some();
        let across_lines = pattern.contains('\n') || pattern.contains("\\n");
        let finder = match pattern::is_plain(pattern) {
            true => Finder::Text(pattern.to_owned()),
            false => Finder::Pattern(compiled),
        };
        Ok(Self {
            finder,
            required: pattern::required_text(pattern).map(str::to_owned),
            times,
            wanted: times,
            across_lines,
            needs_end,
            terminal: Terminal::default(),
            cut_off: Vec::new(),
            text: String::new(),
            line_ends: Vec::new(),
            place: Place::default(),
            matched: 0,
            is_shortened: false,
            has_grown: false,
            reach: if across_lines { REACH_ACROSS } else { REACH },
            kept_max: KEPT_MAX,
            match_end: 0,
        })
    }

    /// Adds the next piece. Returns the line of the last wanted match, if that is in a finished line.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Option<String> {
        self.has_grown |= !piece.is_empty();
        let joined = [self.cut_off.as_slice(), piece].concat();
        let mut rest = match self.skippable(&joined) {
            None => joined.as_slice(),
            Some(skipped) => {
                let found = self.read(&mut &joined[..skipped.start]);
                if found.is_some() {
                    return found;
                }
                self.terminal.skip(skipped.len());
                &joined[skipped.end..]
            }
        };
        let found = self.read(&mut rest);
        self.cut_off = rest.to_vec();
        found.or_else(|| self.commit())
    }

    /// Returns the line of the last wanted match, if that is in the unfinished line. Called at the end
    /// of what was written: before that, the line goes on.
    pub(crate) fn unfinished(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.has_grown) || self.text.is_empty() {
            return None;
        }
        let (mut place, mut matched) = (self.place, self.matched);
        while let Some(found) = self.finder.next(&self.text[..self.countable()], &mut place) {
            matched += 1;
            if matched == self.wanted {
                return Some(self.found(found));
            }
        }
        None
    }

    /// Returns how many bytes after the beginning of the text the returned line ends.
    pub(crate) fn match_end(&self) -> u64 {
        self.match_end
    }

    /// Returns how often the pattern has matched, for a report.
    pub(crate) fn seen(&self) -> usize {
        let rest = self.finder.count(&self.text[..self.countable()], self.place);
        self.times - self.wanted + self.matched + rest
    }

    /// Returns where the text ends in which a match counts now.
    fn countable(&self) -> usize {
        match self.needs_end && !self.terminal.has_returned() {
            false => self.text.len(),
            true => self.text.rfind('\n').map_or(0, |end| end + 1),
        }
    }

    /// Returns the part of a piece that has no match for sure: whole lines without the plain text that
    /// is searched for, and without anything that a terminal would not show.
    fn skippable(&self, piece: &[u8]) -> Option<Range<usize>> {
        let text = self.required.as_deref()?;
        let is_break = |byte: &u8| *byte == b'\n';
        let (first, last) = (piece.iter().position(is_break)?, piece.iter().rposition(is_break)?);
        let lines = first + 1..last + 1;
        let shown = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
        let skipped = std::str::from_utf8(&piece[lines.clone()]).ok()?;
        (!skipped.contains(text) && skipped.as_bytes().iter().all(shown)).then_some(lines)
    }

    fn read(&mut self, piece: &mut &[u8]) -> Option<String> {
        while let Some(shown) = self.terminal.next(piece) {
            match shown {
                Shown::Text(text) => self.text.push_str(text),
                Shown::Back if self.text.len() > self.place.from && !self.text.ends_with('\n') => {
                    self.text.pop();
                }
                Shown::Back => {}
                Shown::LineEnd(end) if self.across_lines => {
                    self.text.push('\n');
                    self.line_ends.push((self.text.len(), end));
                }
                Shown::LineEnd(end) => {
                    let line = self.finish_line(end);
                    if line.is_some() {
                        return line;
                    }
                }
            }
        }
        None
    }

    fn finish_line(&mut self, end: u64) -> Option<String> {
        let line = std::mem::take(&mut self.text);
        let (place, matched) = match std::mem::take(&mut self.is_shortened) {
            true => (self.place, self.matched),
            false => (Place::default(), 0),
        };
        let matched = matched + self.finder.count(&line, place);
        (self.place, self.matched) = (Place::default(), 0);
        if matched >= self.wanted {
            self.match_end = end;
            return Some(line);
        }
        self.wanted -= matched;
        self.text = line;
        self.text.clear();
        None
    }

    /// Searches a long text, and moves the place from which it is searched again.
    fn commit(&mut self) -> Option<String> {
        if self.text.len() - self.place.from <= 2 * self.reach {
            return None;
        }
        let mut place = self.place;
        while let Some(found) = self.finder.next(&self.text, &mut place) {
            if found.end == self.text.len() {
                break; // It may become longer, or be none.
            }
            (self.place, self.matched) = (place, self.matched + 1);
            if self.matched == self.wanted {
                return Some(self.found(found));
            }
        }
        let end = floor_char_boundary(&self.text, self.text.len() - self.reach);
        if self.place.from < end {
            self.place = Place { from: end, last_end: None };
        }
        self.shorten();
        None
    }

    /// Forgets the beginning of a very long text, up to the character before the place.
    fn shorten(&mut self) {
        if self.text.len() <= self.kept_max {
            return;
        }
        let length = floor_char_boundary(&self.text, self.place.from.saturating_sub(1));
        self.text.drain(..length);
        self.is_shortened |= length > 0;
        self.place.from -= length;
        self.place.last_end = self.place.last_end.and_then(|end| end.checked_sub(length));
        self.line_ends.retain_mut(|(end, _)| {
            let is_kept = *end > length;
            *end = end.saturating_sub(length);
            is_kept
        });
    }

    /// Notes the end of the line of a match, and returns the line.
    fn found(&mut self, found: Range<usize>) -> String {
        let line_end = self.line_ends.iter().find(|(end, _)| *end >= found.end);
        self.match_end = line_end.map_or(self.terminal.offset(), |(_, end)| *end);
        if self.across_lines { self.text[found].to_owned() } else { self.text.clone() }
    }
}

/// Finds a pattern in a text.
enum Finder {
    /// A pattern without special characters. Most are, and it is found much faster.
    Text(String),
    Pattern(Regex),
}

/// A place in a text from which on matches are searched for.
#[derive(Clone, Copy, Default)]
struct Place {
    from: usize,
    last_end: Option<usize>,
}

impl Finder {
    fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        match self {
            Self::Text(wanted) => {
                let start = from + text.get(from..)?.find(wanted.as_str())?;
                Some(start..start + wanted.len())
            }
            Self::Pattern(pattern) if from <= text.len() => {
                pattern.find_at(text, from).map(|found| found.range())
            }
            Self::Pattern(_) => None,
        }
    }

    /// Returns the next match and moves the place behind it. An empty match does not follow another
    /// one at once.
    fn next(&self, text: &str, place: &mut Place) -> Option<Range<usize>> {
        let mut found = self.find(text, place.from)?;
        if found.is_empty() && place.last_end == Some(found.end) {
            let next = text[found.end..].chars().next()?;
            found = self.find(text, found.end + next.len_utf8())?;
        }
        *place = Place { from: found.end, last_end: Some(found.end) };
        Some(found)
    }

    fn count(&self, text: &str, mut place: Place) -> usize {
        std::iter::from_fn(|| self.next(text, &mut place)).count()
    }
}

/// Returns the largest boundary of a character that is at most `at`.
fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Compiles a pattern for output.
pub(super) fn compile(pattern: &str) -> Result<Regex> {
    pattern::compile(pattern).map_err(|what| Error::invalid(what).with_help(pattern::help(pattern)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Banner;

    /// Adds a piece after which nothing more is written for a moment.
    fn added(matcher: &mut Matcher, piece: &[u8]) -> Option<String> {
        matcher.feed(piece).or_else(|| matcher.unfinished())
    }

    fn scan(banner: Banner, pieces: &[&str]) -> Option<String> {
        let mut matcher = banner.matcher().unwrap();
        pieces.iter().find_map(|piece| added(&mut matcher, piece.as_bytes()))
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
    fn a_line_is_what_a_terminal_shows_in_whichever_pieces_it_comes() {
        let text = b"9%\r10%\rx\x1b]0;it\x07\xe2\x9c\x93 \x1b[1mrea\x1b(Bdy\x9bm\r\nb";
        for size in 1..=text.len() {
            for pattern in ["^10%$", "^x\u{2713} ready$", "y\n"] {
                let mut matcher = Matcher::new(pattern, 1).unwrap();
                let is_found = text.chunks(size).any(|piece| added(&mut matcher, piece).is_some());
                assert!(is_found, "{pattern} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_line_goes_on_until_the_reader_has_come_to_the_end() {
        let mut matcher = Matcher::new("ready$", 1).unwrap();
        assert_eq!(matcher.feed(b"not ready"), None);
        assert_eq!(added(&mut matcher, b" yet"), None);
    }

    #[test]
    fn a_long_line_is_searched_once_and_not_once_a_piece() {
        for (pattern, count) in [("r.ady", 3), ("ready", 3), ("ready (?<x>.)", 3), ("x\n", 1)] {
            for end in ["", "\n"] {
                let mut matcher = Matcher::new(pattern, 5).unwrap();
                for at in 0..40_000 {
                    let piece: &[u8] = match at {
                        50 | 30_000 => b".ready x........................",
                        _ => b"................................",
                    };
                    assert_eq!(matcher.feed(piece), None);
                    assert!(matcher.text.len() <= KEPT_MAX + 3 * REACH_ACROSS);
                }
                assert_eq!(added(&mut matcher, b"ready x\n"), None);
                assert_eq!(added(&mut matcher, end.as_bytes()), None);
                assert_eq!(matcher.seen(), count, "{pattern}");
            }
        }
    }

    #[test]
    fn a_long_text_is_searched_as_a_short_one_is() {
        for (pattern, text) in [
            ("b+", "abbbbbbbbbabbabbb.b\nabb"),
            ("^ab|b.b$", "abbbbabbbabbab\nabb"),
            ("x?", "aaxxxbaxaaaaa\naxa"),
            ("b\nc?", "aaaab\ncaaaaaaaaaaab\nab\nc"),
            ("\u{e9}$", "\u{e9}a\u{e9}\u{e9}\u{e9}\u{e9}aaa\u{e9}\u{e9}\n\u{e9}"),
        ] {
            for times in 1..9 {
                let mut all = Matcher::new(pattern, times).unwrap();
                let expected = added(&mut all, text.as_bytes()).is_some();
                let mut matcher = Matcher::new(pattern, times).unwrap();
                (matcher.reach, matcher.kept_max) = (3, 9);
                let (last, pieces) = text.as_bytes().split_last().unwrap();
                let found = pieces.chunks(2).find_map(|piece| matcher.feed(piece));
                let found = found.or_else(|| added(&mut matcher, &[*last]));
                assert_eq!(found.is_some(), expected, "{pattern} {times}");
            }
        }
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
            assert_eq!(added(&mut matcher, piece.as_bytes()), None);
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
            assert!(pieces.iter().any(|piece| added(&mut matcher, piece.as_bytes()).is_some()));
            assert_eq!(matcher.match_end(), end, "{pattern}");
        }
    }
}
