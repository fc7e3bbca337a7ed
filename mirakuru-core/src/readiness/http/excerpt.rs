//! The one line of a body that says the most.

/// How much of a body is read.
pub(super) const BODY_MAX: usize = 4096;

/// How many characters are quoted.
const LENGTH_MAX: usize = 120;

const TITLE: &str = "<title>";
const TITLE_END: &str = "</title>";

/// The title of an HTML page, or else the first line that is not empty.
pub(super) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let lines = title(&text).unwrap_or(&text).lines().map(shortened);
    lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default()
}

/// Whether more of the body would not change what is quoted.
pub(super) fn is_enough(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start();
    if text.starts_with('<') { title(text).is_some() } else { text.contains('\n') }
}

fn title(text: &str) -> Option<&str> {
    // Only the letters of ASCII change, so that the places stay the same.
    let lower = text.to_ascii_lowercase();
    let begin = lower.find(TITLE)? + TITLE.len();
    let length = lower[begin..].find(TITLE_END)?;
    Some(&text[begin..begin + length]).filter(|title| !title.trim().is_empty())
}

/// A line that does no harm to a terminal, nor to the rest of a report.
pub(super) fn shortened(line: &str) -> String {
    let visible = line.trim().chars().filter(|c| !c.is_control());
    let mut short: String = visible.clone().take(LENGTH_MAX).collect();
    if visible.count() > LENGTH_MAX {
        short.pop();
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_is_not_empty_is_quoted() {
        for (body, expected) in [
            ("warming up", "warming up"),
            ("\r\n\n  warming up \r\nsecond", "warming up"),
            ("{\"status\": \"starting\"}\n", "{\"status\": \"starting\"}"),
            ("a\x1b[31mred\x07\tb", "a[31mredb"),
            ("\x1b\x07\nnext", "next"),
            ("", ""),
            (" \n\n", ""),
        ] {
            assert_eq!(excerpt(body.as_bytes()), expected, "{body:?}");
        }
        assert_eq!(excerpt(b"sp\xe4ter"), "sp\u{fffd}ter");
    }

    #[test]
    fn of_a_page_the_title_is_quoted() {
        for (body, expected) in [
            ("<html>\n<head><TITLE>\n502 Bad Gateway\n</TITLE>", "502 Bad Gateway"),
            ("<html>\n<title></title>", "<html>"),
            ("<p>no title", "<p>no title"),
            ("İ<title>ü</title>", "ü"),
        ] {
            assert_eq!(excerpt(body.as_bytes()), expected, "{body:?}");
        }
    }

    #[test]
    fn a_quote_is_short() {
        let long = "ä".repeat(LENGTH_MAX + 1);
        let short = excerpt(long.as_bytes());
        assert_eq!(short.chars().count(), LENGTH_MAX);
        assert!(short.ends_with('…'));
        let just = "ä".repeat(LENGTH_MAX);
        assert_eq!(excerpt(just.as_bytes()), just);
    }

    #[test]
    fn reading_ends_where_the_quote_is_whole() {
        for (body, expected) in [
            ("warming", false),
            ("warming up\n", true),
            ("\n\n", false),
            ("<html>\n<head>\n", false),
            ("<html>\n<title>x</title>", true),
        ] {
            assert_eq!(is_enough(body.as_bytes()), expected, "{body:?}");
        }
    }
}
