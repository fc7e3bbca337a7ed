//! An error as text, for another process.
//!
//! The first two lines are the kind and the message. Facts that the receiver may ask for follow,
//! each as a line with a word and a length in bytes, then the value. What comes after the empty
//! line is the rendered report.

use std::path::PathBuf;

use super::report::{Received, Report};
use super::{Error, ErrorKind};

impl Error {
    /// Returns the error in the form that `from_text` reads.
    pub(crate) fn to_text(&self) -> String {
        let report = format!("{self:?}");
        let report = report.strip_prefix(&self.0.what).unwrap_or(&report);
        let log_path = self.log_path().map(|path| path.to_string_lossy());
        let facts = [("command", self.command()), ("log", log_path.as_deref())];
        let facts = facts.into_iter().filter_map(|(word, value)| Some((word, value?)));
        let facts: String =
            facts.map(|(word, value)| format!("{word} {}\n{value}\n", value.len())).collect();
        format!("{:?}\n{}\n{facts}\n{report}", self.0.kind, self.0.what)
    }

    /// Reads what another process wrote by `to_text`.
    pub(crate) fn from_text(text: &str) -> Self {
        let (kind, rest) = text.split_once('\n').unwrap_or_default();
        let (what, rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let kind = ErrorKind::ALL.into_iter().find(|known| format!("{known:?}") == kind);
        let mut received = Received::default();
        let mut rest = rest;
        while let Some((word, value, after)) = next_fact(rest) {
            match word {
                "command" => received.command = Some(value.to_owned()),
                "log" => received.log_path = Some(PathBuf::from(value)),
                _ => {}
            }
            rest = after;
        }
        received.text = rest.strip_prefix('\n').unwrap_or(rest).to_owned();
        let report = Report { received: Some(received), ..Report::default() };
        Self::new(kind.unwrap_or(ErrorKind::Os), what).with_report(|empty| *empty = report)
    }
}

/// Splits off one fact: its word, its value, and the text after it.
fn next_fact(text: &str) -> Option<(&str, &str, &str)> {
    let (head, rest) = text.split_once('\n')?;
    let (word, length) = head.split_once(' ')?;
    let (value, rest) = rest.split_at_checked(length.parse().ok()?)?;
    Some((word, value, rest.strip_prefix('\n')?))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::error::Output;

    #[test]
    fn an_error_survives_its_text() {
        for kind in ErrorKind::ALL {
            let error = Error::new(kind, "redis: it failed").with_report(|report| {
                report.command = Some("redis-server\n'log 3'".to_owned());
                report.help = Some("none".to_owned());
                let output = Output { paths: vec!["/tmp/é.log".into()], ..Output::default() };
                report.output = Some(output);
            });
            let read = Error::from_text(&error.to_text());
            assert_eq!(read.kind(), kind);
            assert_eq!(format!("{read} {read:?}"), format!("{error} {error:?}"));
            assert_eq!(read.command(), Some("redis-server\n'log 3'"));
            assert_eq!(read.log_path(), Some(Path::new("/tmp/é.log")));
            assert_eq!(Error::from_text(&read.to_text()).command(), read.command());
        }
    }

    #[test]
    fn a_damaged_text_is_an_error_too() {
        for text in ["", "Exited", "Exited\nit failed", "Exited\nit failed\ncommand 9\nx"] {
            let read = Error::from_text(text);
            assert_eq!((read.command(), read.log_path()), (None, None), "{text}");
        }
    }
}
