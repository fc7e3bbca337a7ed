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

/// Returns the last lines, after `collapse`. A number stands below the lines that it is about.
pub(super) fn last(lines: Vec<Line>, count: usize) -> Vec<Line> {
    let (mut groups, mut shown) = (collapse(lines), 0);
    let is_too_much = |group: &Vec<Line>| {
        shown += group.len();
        shown > count
    };
    let omitted = groups.iter().rposition(is_too_much).map_or(0, |place| place + 1);
    groups.split_off(omitted).into_iter().flatten().collect()
}

/// Replaces lines that come several times, one after the other, by the first ones and their number.
fn collapse(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let keys: Vec<_> = lines.iter().map(|line| without_time(&line.text)).collect();
    let mut lines = lines.into_iter();
    let (mut groups, mut at) = (Vec::new(), 0);
    while at < keys.len() {
        let rest = &keys[at..];
        let found = (1..=BLOCK_MAX).find_map(|block| Some((block, times(rest, block)?)));
        let (block, times) = found.unwrap_or((1, 1));
        let mut group: Vec<_> = lines.by_ref().take(block).collect();
        let last = lines.by_ref().take(block * (times - 1)).last();
        group.extend(last.map(|last| Line { text: note(block, times), ..last }));
        groups.push(group);
        at += block * times;
    }
    groups
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
        last_collapsed(text, usize::MAX)
    }

    fn last_collapsed(text: &str, count: usize) -> String {
        let lines = last(terminal::lines(text.as_bytes()), count);
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
    fn a_number_is_not_shown_without_its_lines() {
        let text = format!("{}bye\n", "GET /nope 404\n".repeat(20));
        assert_eq!(last_collapsed(&text, 2), "bye\n");
        assert_eq!(last_collapsed(&text, 3), collapsed(&text));
    }

    #[test]
    fn lines_that_differ_or_come_twice_are_left_as_they_are() {
        for text in ["a\na\nb\n", "", "\n\n", "port 1\nport 2\nport 3\n", "a\nb\na\nb\na\n"] {
            assert_eq!(collapsed(text), text);
        }
    }
}
