//! An error as text, for another process.
//!
//! The first two lines are the kind and the message. Facts that the receiver may ask for follow,
//! each as a line with a word and a length in bytes, then the value. What comes after the empty
//! line is the rendered report.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;

use super::report::Received;
use super::{Error, ErrorKind};
use crate::types::Exit;

impl Error {
    /// Returns the error in the form that `from_text` reads.
    pub(crate) fn to_text(&self) -> String {
        let (what, report) = (self.to_string(), format!("{self:?}"));
        let report = report.strip_prefix(&what).unwrap_or(&report);
        let fact = |(word, value): (&str, String)| format!("{word} {}\n{value}\n", value.len());
        let facts: String = self.facts().into_iter().map(fact).collect();
        format!("{:?}\n{what}\n{facts}\n{report}", self.0.kind)
    }

    /// Returns what a program can ask of the error, apart from its kind and message.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        facts.extend(self.command().map(|command| ("command", command.to_owned())));
        facts.extend(self.log_path().map(|path| ("log", path.to_string_lossy().into_owned())));
        facts.extend(self.exit().map(|exit| ("status", exit.raw().to_string())));
        facts.extend(self.exit().map(|exit| ("was_killed", exit.was_killed().to_string())));
        facts.push(("address_in_use", self.0.report.is_address_in_use.to_string()));
        facts
    }

    /// Reads what another process wrote by `to_text`.
    pub(crate) fn from_text(text: &str) -> Self {
        let (kind, rest) = text.split_once('\n').unwrap_or_default();
        let (what, mut rest) = rest.split_once('\n').unwrap_or((rest, ""));
        let kind = ErrorKind::ALL.into_iter().find(|known| format!("{known:?}") == kind);
        let mut facts = BTreeMap::new();
        while let Some((word, value, after)) = next_fact(rest) {
            facts.insert(word, value);
            rest = after;
        }
        let received = Received {
            text: rest.strip_prefix('\n').unwrap_or(rest).to_owned(),
            command: facts.get("command").map(|&command| command.to_owned()),
            log_path: facts.get("log").map(PathBuf::from),
        };
        let is_true = |word| facts.get(word) == Some(&"true");
        let status = facts.get("status").and_then(|status| status.parse().ok());
        let exit = status.map(|raw| Exit::new(ExitStatus::from_raw(raw)));
        Self::new(kind.unwrap_or(ErrorKind::Os), what).with_report(|report| {
            report.exit = exit.map(|exit| exit.with_killed(is_true("was_killed")));
            report.is_address_in_use = is_true("address_in_use");
            report.received = Some(received);
        })
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
                report.exit = Some(Exit::new(ExitStatus::from_raw(9)).with_killed(true));
                report.is_address_in_use = true;
            });
            let read = Error::from_text(&error.to_text());
            assert_eq!(read.kind(), kind);
            assert_eq!(format!("{read} {read:?}"), format!("{error} {error:?}"));
            assert_eq!(read.command(), Some("redis-server\n'log 3'"));
            assert_eq!(read.log_path(), Some(Path::new("/tmp/é.log")));
            assert_eq!(read.exit(), error.exit());
            assert_eq!(read.is_address_in_use(), error.is_address_in_use());
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
