//! Lines that nearly match a pattern, for the help in a report.

use regex_lite::Regex;

use crate::syntax::pattern::is_plain;
use crate::syntax::suggest::n_edits;

/// The similarity from which on a line is reported.
const NEAR: f64 = 0.75;

/// The number of characters of a line that are compared and shown.
const SHOWN: usize = 160;

/// Returns the line that nearly matches a pattern, and how it differs.
pub(crate) fn near_miss(pattern: &str, lines: &[String]) -> Option<String> {
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
    (similarity >= NEAR).then(|| format!("{} is similar", shown(line)))
}

/// Returns how similar a line, or a part of it with as many words, is to a text. 1.0 is equal.
fn similarity(text: &str, line: &str) -> f64 {
    let line: String = line.chars().take(SHOWN).collect();
    let words: Vec<_> = line.split_whitespace().collect();
    let parts = words.windows(text.split_whitespace().count().max(1)).map(|part| part.join(" "));
    let similarity = |part: &str| {
        let length = text.chars().count().max(part.chars().count()).max(1);
        1.0 - n_edits(text, part) as f64 / length as f64
    };
    parts.map(|part| similarity(&part)).fold(similarity(line.trim()), f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_nearly_matches_is_found() {
        for (pattern, line, expected) in [
            (
                "ready",
                "Server READY now",
                "`Server READY now` differs in upper and lower case only",
            ),
            ("^ready$", "12:00 ready", "`12:00 ready` matches without `^` and `$`"),
            (
                "ready to accept connections",
                "[1] redy to acept connections tcp",
                "`[1] redy to acept connections tcp` is similar",
            ),
            ("^listning$", "listening", "`listening` is similar"),
        ] {
            assert_eq!(
                near_miss(pattern, &[line.to_owned()]).as_deref(),
                Some(expected),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_different_line_is_not_reported() {
        for pattern in ["ready to accept connections", "r.ady", "^ready$", "\\$"] {
            let lines = ["starting up".to_owned(), "loading the data base".to_owned()];
            assert_eq!(near_miss(pattern, &lines), None, "{pattern}");
        }
        assert_eq!(near_miss("ready", &[]), None);
    }
}
