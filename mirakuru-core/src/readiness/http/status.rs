//! The HTTP status that shows that a process is ready.

use std::fmt;
use std::ops::RangeInclusive;

use regex_lite::Regex;

use crate::error::{Error, Result};
use crate::syntax::http;

/// A set of HTTP status codes: one code, a range, or a regular expression that matches the whole code.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Status;
/// let one = Status::from(204);
/// let range = Status::from(200..=399);
/// let pattern = Status::from("(2..|401)");
/// # let _ = (one, range, pattern);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status(Codes);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Codes {
    Range(RangeInclusive<u16>),
    Pattern(String),
}

impl From<u16> for Status {
    fn from(code: u16) -> Self {
        Self(Codes::Range(code..=code))
    }
}

impl From<RangeInclusive<u16>> for Status {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self(Codes::Range(range))
    }
}

impl From<&str> for Status {
    fn from(pattern: &str) -> Self {
        Self(Codes::Pattern(pattern.to_owned()))
    }
}

impl From<String> for Status {
    fn from(pattern: String) -> Self {
        Self(Codes::Pattern(pattern))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Codes::Range(range) if *range == (200..=299) => f.write_str("2xx"),
            Codes::Range(range) if range.start() == range.end() => write!(f, "{}", range.start()),
            Codes::Range(range) => write!(f, "{} to {}", range.start(), range.end()),
            Codes::Pattern(pattern) => f.write_str(pattern),
        }
    }
}

pub(super) enum StatusMatcher {
    Range(RangeInclusive<u16>),
    Pattern(Regex),
}

impl Status {
    pub(super) fn matcher(&self) -> Result<StatusMatcher> {
        match &self.0 {
            Codes::Range(codes) => {
                http::check_statuses(codes).map_err(Error::invalid)?;
                Ok(StatusMatcher::Range(codes.clone()))
            }
            Codes::Pattern(pattern) => {
                let pattern = http::status_pattern(pattern).map_err(Error::invalid)?;
                Ok(StatusMatcher::Pattern(pattern))
            }
        }
    }
}

impl StatusMatcher {
    pub(super) fn matches(&self, code: u16) -> bool {
        match self {
            Self::Range(range) => range.contains(&code),
            Self::Pattern(pattern) => pattern.is_match(&code.to_string()),
        }
    }
}
