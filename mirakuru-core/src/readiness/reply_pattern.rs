//! A pattern for what a process sends, as text or as bytes.

use std::fmt;

use regex_lite::Regex;

use crate::error::{Error, Result};
use crate::syntax::pattern;

/// A regular expression that is searched in bytes.
#[derive(Debug)]
pub(super) struct ReplyPattern {
    text: String,
    regex: Regex,
}

impl ReplyPattern {
    pub(super) fn new(text: &str) -> Result<Self> {
        let compiled = pattern::compile(text);
        let regex = compiled.map_err(|what| {
            Error::invalid(what).with_help("`(?s).` matches any reply that has come")
        })?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Returns true if the pattern matches the bytes as text in UTF-8, where CR LF ends a line, or
    /// their numbers: `\xff` is the byte 255.
    pub(super) fn is_match(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        self.regex.is_match(&text) || {
            let numbers: String = bytes.iter().copied().map(char::from).collect();
            self.regex.is_match(&numbers)
        }
    }
}

impl fmt::Display for ReplyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_compared_as_text_and_as_bytes() {
        for (pattern, bytes, expected) in [
            ("^\\+PONG$", &b"+PONG\r\n"[..], true),
            ("^\\+PONG$", b"-LOADING\r\n+PONG\r\n", true),
            ("^\\+PONG$", b"+PONG2\r\n", false),
            ("gr\u{fc}n", "gr\u{fc}n".as_bytes(), true),
            (r"^\x12\x34\x81\xff", b"\x12\x34\x81\xff\0", true),
            (r"^\x12\x34\x81\xff", b"\x12\x34\x01\xff\0", false),
            (r"^\x00", b"\0", true),
        ] {
            let found = ReplyPattern::new(pattern).unwrap().is_match(bytes);
            assert_eq!(found, expected, "{pattern}: {bytes:?}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_refused() {
        for pattern in ["", "("] {
            assert!(ReplyPattern::new(pattern).is_err(), "{pattern}");
        }
    }
}
