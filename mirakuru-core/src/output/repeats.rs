//! Lines that repeat: a server that is asked until it is ready may log the same for each request.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::terminal::Line;

/// The most lines that are looked at as one: some servers log several for a request.
const BLOCK_MAX: usize = 4;

/// Blocks that come less often are left as they are.
const TIMES_MIN: usize = 3;

/// The time of day, which may differ.
static TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\d\d:\d\d:\d\d(?:[.,]\d+)?").ok());

/// Replaces lines that come several times, one after the other, by the first ones and their number.
pub(super) fn collapse(lines: Vec<Line>) -> Vec<Line> {
    let keys: Vec<_> = lines.iter().map(|line| without_time(&line.text)).collect();
    let mut lines = lines.into_iter();
    let (mut shown, mut at) = (Vec::new(), 0);
    while at < keys.len() {
        let rest = &keys[at..];
        let found = (1..=BLOCK_MAX).find_map(|block| Some((block, times(rest, block)?)));
        let (block, times) = found.unwrap_or((1, 1));
        shown.extend(lines.by_ref().take(block));
        let last = lines.by_ref().take(block * (times - 1)).last();
        shown.extend(last.map(|last| Line { text: note(block, times), ..last }));
        at += block * times;
    }
    shown
}

fn note(block: usize, times: usize) -> String {
    match block {
        1 => format!("<this line {times} times>"),
        _ => format!("<these {block} lines {times} times>"),
    }
}

/// Returns how often the first lines come one after the other, if that is often.
fn times(keys: &[String], block: usize) -> Option<usize> {
    let first = keys.get(..block)?;
    let times = keys.chunks(block).take_while(|next| *next == first).count();
    (times >= TIMES_MIN).then_some(times)
}

fn without_time(line: &str) -> String {
    match &*TIME {
        Some(time) => time.replace_all(line, "").into_owned(),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::terminal;
    use super::*;

    fn collapsed(text: &str) -> String {
        let lines = collapse(terminal::lines(text.as_bytes()));
        lines.iter().map(|line| format!("{}\n", line.text)).collect()
    }

    #[test]
    fn a_line_that_comes_often_is_shown_once_with_its_number() {
        let text = format!("ready\n{}bye\n", "GET /nope 404\n".repeat(20));
        assert_eq!(collapsed(&text), "ready\nGET /nope 404\n<this line 20 times>\nbye\n");
    }

    #[test]
    fn lines_that_come_together_are_shown_once_and_their_time_may_differ() {
        let pair = |second| {
            format!("[12:00:{second}] code 404\n[12:00:{second},123] \"HEAD / HTTP/1.1\" 404\n")
        };
        let text: String = (10..40).map(pair).collect();
        assert_eq!(collapsed(&text), pair(10) + "<these 2 lines 30 times>\n");
    }

    #[test]
    fn lines_that_differ_or_come_twice_are_left_as_they_are() {
        for text in ["a\na\nb\n", "", "\n\n", "port 1\nport 2\nport 3\n", "a\nb\na\nb\na\n"] {
            assert_eq!(collapsed(text), text);
        }
    }
}
