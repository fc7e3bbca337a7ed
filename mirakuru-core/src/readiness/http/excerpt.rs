//! The first line of a body, for a report.

/// The number of bytes of a body that are read.
pub(super) const BODY_MAX: usize = 4096; // 4 KiB

/// The number of characters that are quoted.
const LENGTH_MAX: usize = 120;

/// Returns the first line that is not empty.
pub(in crate::readiness) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.lines().map(shortened).find(|line| !line.is_empty()).unwrap_or_default()
}

/// Returns true if more of the body would not change the excerpt.
pub(super) fn is_enough(body: &[u8]) -> bool {
    String::from_utf8_lossy(body).trim_start().contains('\n')
}

/// Shortens a line, and removes control characters, which could garble a terminal or the report.
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
    fn an_excerpt_is_short() {
        let long = "ä".repeat(LENGTH_MAX + 1);
        let short = excerpt(long.as_bytes());
        assert_eq!(short.chars().count(), LENGTH_MAX);
        assert!(short.ends_with('…'));
        let just = "ä".repeat(LENGTH_MAX);
        assert_eq!(excerpt(just.as_bytes()), just);
    }

    #[test]
    fn reading_ends_where_the_excerpt_is_whole() {
        for (body, expected) in
            [("warming", false), ("warming up\n", true), ("\n\n", false), ("\n<html>\n", true)]
        {
            assert_eq!(is_enough(body.as_bytes()), expected, "{body:?}");
        }
    }
}
