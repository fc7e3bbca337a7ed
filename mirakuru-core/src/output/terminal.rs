//! Output as a terminal would show it: lines of text, without control sequences.

/// Reads output that comes in pieces. A sequence may be cut at the end of a piece.
#[derive(Default)]
pub(super) struct Terminal {
    state: State,
    /// The number of bytes that were read.
    offset: u64,
    /// The current line has text.
    has_text: bool,
    /// The last character that counts was a carriage return: it ends the line, unless a line break
    /// follows, which then does.
    has_returned: bool,
}

/// The part of the output that is read.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// A sequence with intermediate characters, such as the choice of a character set: `ESC ( B`.
    Intermediate,
    /// A control sequence, such as a colour: `ESC [ 3 1 m`.
    Control,
    /// A string for the terminal, such as a title or a link: `ESC ] 0 ; title BEL`.
    String,
}

/// What a terminal shows next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'a> {
    Text(&'a str),
    /// The cursor moves back by one character, and the next one replaces that.
    Back,
    /// The line ends, so many bytes after the beginning of the output.
    LineEnd(u64),
}

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;
const CANCEL: u8 = 0x18;
const SUBSTITUTE: u8 = 0x1a;
const DELETE: u8 = 0x7f;

/// The first byte of U+0080 to U+00BF in UTF-8. Up to U+009F they are control characters.
const C1_LEAD: u8 = 0xc2;
const C1_CONTROL_SEQUENCE: u8 = 0x9b;
const C1_STRING_END: u8 = 0x9c;

/// The number of bytes that are searched for the end of a text at once.
const RUN_MAX: usize = 4096; // 4 KiB

impl Terminal {
    /// Reads on. `rest` begins behind what was read; where a character is cut at the end of the
    /// piece, its first bytes stay there.
    pub(super) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Shown<'a>> {
        while let Some(&byte) = rest.first() {
            if self.state != State::Text {
                self.read_sequence(byte, rest);
                continue;
            }
            if let Some(length) = self.control_length(rest) {
                if let Some(shown) = self.read_control(length, rest) {
                    return Some(shown);
                }
                continue;
            }
            let text = text_at(rest)?;
            if std::mem::take(&mut self.has_returned) {
                self.has_text = false;
                return Some(Shown::LineEnd(self.offset));
            }
            let (shown, length) = text;
            self.has_text = true;
            self.advance(rest, length);
            return Some(Shown::Text(shown));
        }
        None
    }

    /// Skips bytes that end with a line break.
    pub(super) fn skip(&mut self, length: usize) {
        self.offset += length as u64;
    }

    /// Returns how many bytes were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns true if the last line has been ended by a carriage return.
    pub(super) fn has_returned(&self) -> bool {
        self.has_returned
    }

    fn advance(&mut self, rest: &mut &[u8], length: usize) {
        *rest = &rest[length..];
        self.offset += length as u64;
    }

    /// Returns the length of a control character at the beginning.
    fn control_length(&self, rest: &[u8]) -> Option<usize> {
        match *rest {
            [C1_LEAD, 0x80..=0x9f, ..] => Some(2),
            [byte, ..] if is_control(byte) || byte == C1_CONTROL_SEQUENCE => Some(1),
            _ => None,
        }
    }

    fn read_control<'a>(&mut self, length: usize, rest: &mut &'a [u8]) -> Option<Shown<'a>> {
        let control = rest[length - 1];
        self.advance(rest, length);
        match (length, control) {
            (1, b'\n') => {
                (self.has_text, self.has_returned) = (false, false);
                return Some(Shown::LineEnd(self.offset));
            }
            // An empty line that is begun again is still the same line.
            (1, b'\r') => self.has_returned = self.has_text,
            (1, BACKSPACE) if !self.has_returned => return Some(Shown::Back),
            (1, ESCAPE) => self.state = State::Escape,
            (_, C1_CONTROL_SEQUENCE) => self.state = State::Control,
            (2, 0x90 | 0x98 | 0x9d..=0x9f) => self.state = State::String,
            _ => {} // It moves nothing in the line.
        }
        None
    }

    /// Reads one byte of a sequence.
    fn read_sequence(&mut self, byte: u8, rest: &mut &[u8]) {
        let (state, is_read) = match (self.state, byte) {
            // A sequence that was never ended hides one line at most.
            (_, b'\n' | b'\r') => (State::Text, false),
            (_, CANCEL | SUBSTITUTE) | (State::String, BELL) => (State::Text, true),
            (_, ESCAPE) => (State::Escape, true),
            (State::String, C1_LEAD) if rest.get(1) == Some(&C1_STRING_END) => {
                self.advance(rest, 1);
                (State::Text, true)
            }
            (State::Escape, b'[') => (State::Control, true),
            // `k` is a title for `screen` and `tmux`.
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_' | b'k') => (State::String, true),
            (State::Escape | State::Intermediate, b' '..=b'/') => (State::Intermediate, true),
            (State::Escape | State::Intermediate, b'0'..=b'~') => (State::Text, true),
            (State::Control, b'@'..=b'~') => (State::Text, true),
            (State::Escape | State::Intermediate | State::Control, 0x80..) => (State::Text, false),
            (state, _) => (state, true),
        };
        self.state = state;
        self.advance(rest, usize::from(is_read));
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && byte != b'\t' || byte == DELETE
}

/// Returns the text at the beginning, which is no control character, and its length in bytes. Returns
/// none if the rest is a part of a character.
fn text_at(rest: &[u8]) -> Option<(&str, usize)> {
    // The first byte may begin any character but a control character.
    let run = rest.iter().skip(1).take(RUN_MAX);
    let length = run.take_while(|byte| !is_control(**byte) && **byte != C1_LEAD).count() + 1;
    let error = match std::str::from_utf8(&rest[..length]) {
        Ok(text) => return Some((text, length)),
        Err(error) => error,
    };
    let valid = error.valid_up_to();
    if valid > 0 {
        return Some((std::str::from_utf8(&rest[..valid]).unwrap_or_default(), valid));
    }
    match error.error_len() {
        Some(faulty) => Some(("\u{fffd}", faulty)),
        // The character goes on behind what was looked at, or is cut there by another one.
        None if length < rest.len() => Some(("\u{fffd}", length)),
        None => None,
    }
}

/// A line, and where it begins.
pub(super) struct Line {
    pub(super) start: u64,
    pub(super) text: String,
}

/// Returns the lines of a text. The last one may be unfinished.
pub(super) fn lines(mut bytes: &[u8]) -> Vec<Line> {
    let (mut terminal, mut lines) = (Terminal::default(), Vec::new());
    let mut line = Line { start: 0, text: String::new() };
    while let Some(shown) = terminal.next(&mut bytes) {
        match shown {
            Shown::Text(text) => line.text.push_str(text),
            Shown::Back => drop(line.text.pop()),
            Shown::LineEnd(end) => {
                let next = Line { start: end, text: String::new() };
                lines.push(std::mem::replace(&mut line, next));
            }
        }
    }
    lines.extend(Some(line).filter(|line| !line.text.is_empty()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> Vec<String> {
        lines(bytes).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn what_a_terminal_does_not_show_is_left_out() {
        for (bytes, text) in [
            (&b"\x1b[1;32mready\x1b[0m"[..], "ready"),
            (b"\x1b[32mready\x1b(B\x1b[m\x0f", "ready"),
            (b"\x1b]0;title\x07ready", "ready"),
            ("\x1b]0;\u{2713} done\x1b\\ready".as_bytes(), "ready"),
            (b"\x1b]8;;http://h/\x1b\\ready\x1b]8;;\x1b\\", "ready"),
            (b"\x9b1mready\x9bm", "ready"),
            ("\u{9b}1mready\u{9d}0;title\u{9c}\u{85}".as_bytes(), "ready"),
            (
                b"\x1bPq#0\x1b\\\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\\x1bktitle\x1b\\ready",
                "ready",
            ),
            (b"\x1b7\x1b=\x1b#8\x1b%Gready\x1b8\x1bc", "ready"),
            (b"\x1b[31\x18re\x1b[\x1bMady", "ready"),
            (b"|\x08/\x08-\x08ready\x00\x07\x7f", "ready"),
            ("r\u{e9}ady \u{a9}\t\u{1f600}".as_bytes(), "r\u{e9}ady \u{a9}\t\u{1f600}"),
            (b"\xff re\xc3ady \xe2\x82", "\u{fffd} re\u{fffd}ady "),
            (b"\x1b[3\xc3\xa9", "\u{e9}"),
        ] {
            assert_eq!(shown(bytes), [text], "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_carriage_return_begins_a_line() {
        for (bytes, expected) in [
            (&b"10%\r20%\r\x1b[Kready\n"[..], &["10%", "20%", "ready"][..]),
            (b"a\r\nb\r\r\n\r\nc", &["a", "b", "", "c"]),
            (b"\ra\n\rb\n\n", &["a", "b", ""]),
        ] {
            assert_eq!(shown(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_sequence_without_an_end_hides_no_further_line() {
        assert_eq!(shown(b"\x1b]0;title\nready\x1b[\nset\x1b(\rgo"), ["", "ready", "set", "go"]);
    }

    #[test]
    fn each_line_knows_where_it_begins() {
        let lines = lines(b"a\x1b[m\r\n\xff\rc\n");
        let starts: Vec<_> = lines.iter().map(|line| (line.start, line.text.as_str())).collect();
        assert_eq!(starts, [(0, "a"), (6, "\u{fffd}"), (8, "c")]);
    }

    #[test]
    fn the_pieces_that_a_text_comes_in_do_not_matter() {
        let text =
            "a\u{e9}\x1b[1mb\x1b]0;t\u{2713}\x07\r\nc\u{1f600}\u{9b}md\r\u{85}e\x08f\n".as_bytes();
        let read = |size: usize| {
            let (mut terminal, mut shown, mut left) = (Terminal::default(), Vec::new(), Vec::new());
            for piece in text.chunks(size) {
                let joined = [left.as_slice(), piece].concat();
                let mut rest = joined.as_slice();
                while let Some(next) = terminal.next(&mut rest) {
                    match (next, shown.last_mut()) {
                        (Shown::Text(text), Some((line, _))) => String::push_str(line, text),
                        (Shown::Text(text), None) => shown.push((text.to_owned(), 0)),
                        (other, _) => shown.push((format!("{other:?}"), terminal.offset())),
                    }
                }
                left = rest.to_vec();
            }
            (shown, terminal.offset())
        };
        for size in 1..8 {
            assert_eq!(read(size), read(text.len()), "{size}");
        }
    }
}
