//! The one error of the crate, and the report that it prints.

mod report;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::types::Exit;

pub(crate) use report::{Attempts, Output, Report, Seconds};

/// What went wrong with a process.
///
/// [`Display`](fmt::Display) is one line. [`Debug`](fmt::Debug), which `unwrap()` and tests that
/// return a `Result` print, is the whole report: what failed, the command, the condition that was
/// not met with the last answer it got, the state of the process, the last lines of its output,
/// and a way out where one is known.
///
/// # Examples
///
/// ```
/// use mirakuru_core::{ErrorKind, Executor};
///
/// let error = Executor::new("sh -c 'exit 7'").tcp("127.0.0.1:{port}").start().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Exited);
/// assert_eq!(error.exit().and_then(|exit| exit.code()), Some(7));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

struct Inner {
    kind: ErrorKind,
    /// One line, a fragment without a full stop.
    what: String,
    report: Report,
    source: Option<std::io::Error>,
}

/// What kind of thing went wrong: what a caller might want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The description of the process is faulty. Nothing was started.
    InvalidInput,
    /// The program or its folder does not exist. Nothing was started.
    NotFound,
    /// The program or its folder must not be used by this user. Nothing was started.
    PermissionDenied,
    /// What would count as ready was there before. Nothing was started.
    #[doc(alias = "ProcessAlreadyRunning")]
    AlreadyRunning,
    /// The process ended before it was ready, or while something was awaited from it.
    #[doc(alias = "ProcessExitedWithError")]
    Exited,
    /// The process told that it will never be ready.
    Failed,
    /// Something did not come in its time.
    #[doc(alias = "TimeoutExpired")]
    Timeout,
    /// The process did not end as expected.
    #[doc(alias = "ProcessFinishedWithError")]
    UnexpectedExit,
    /// Something of a process that has ended is still running.
    Leak,
    /// A shared process could not be leased.
    Lease,
    /// The operating system refused something.
    Os,
}

const KINDS: [ErrorKind; 11] = [
    ErrorKind::InvalidInput,
    ErrorKind::NotFound,
    ErrorKind::PermissionDenied,
    ErrorKind::AlreadyRunning,
    ErrorKind::Exited,
    ErrorKind::Failed,
    ErrorKind::Timeout,
    ErrorKind::UnexpectedExit,
    ErrorKind::Leak,
    ErrorKind::Lease,
    ErrorKind::Os,
];

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        let report = Report::default();
        Self(Arc::new(Inner { kind, what: what.into(), report, source: None }))
    }

    #[cold]
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, what)
    }

    #[cold]
    pub(crate) fn os(what: impl Into<String>, source: std::io::Error) -> Self {
        let report = Report::default();
        Self(Arc::new(Inner {
            kind: ErrorKind::Os,
            what: what.into(),
            report,
            source: Some(source),
        }))
    }

    /// The same error with more evidence.
    pub(crate) fn with_report(mut self, change: impl FnOnce(&mut Report)) -> Self {
        // An error that somebody else has too stays in its present form.
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            change(&mut inner.report);
        }
        self
    }

    /// The same error with what the reader can do about it.
    pub(crate) fn with_help(self, way_out: impl Into<String>) -> Self {
        self.with_report(|report| report.way_out = Some(way_out.into()))
    }

    /// The same error with what the reader can do about it, if nothing better is known.
    pub(crate) fn or_help(self, way_out: impl Into<String>) -> Self {
        self.with_report(|report| {
            report.way_out.get_or_insert_with(|| way_out.into());
        })
    }

    /// The same error, with the name of the process that it is about.
    pub(crate) fn about(mut self, name: &str) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.what = format!("{name}: {}", inner.what);
        }
        self
    }

    /// A test asks for a process that it leases in a way that makes it wait for itself.
    #[cold]
    pub(crate) fn leased_by_itself(name: &str) -> Self {
        let what = format!("{name}: this test leases it already, so it would wait for itself");
        Self::new(ErrorKind::Lease, what).with_help("use the lease that the test has")
    }

    /// Other tests kept a process for too long.
    #[cold]
    pub(crate) fn not_given_back(name: &str, patience: Duration, by: &str) -> Self {
        let what = format!("{name} was not given back within {patience:?} by {by}");
        Self::new(ErrorKind::Lease, what).with_help(
            "if the tests wait for each other, name all their processes by one attribute each on \
             the same function, which takes them in one order; if they are slow, set \
             MIRAKURU_LEASE_TIMEOUT to more seconds",
        )
    }

    /// The error as another process can read it.
    pub(crate) fn to_text(&self) -> String {
        let report = format!("{self:?}");
        let report = report.strip_prefix(&self.0.what).unwrap_or(&report);
        format!("{:?}\n{}\n{report}", self.0.kind, self.0.what)
    }

    /// What another process wrote by `to_text`.
    pub(crate) fn from_text(text: &str) -> Self {
        let (kind, rest) = text.split_once('\n').unwrap_or_default();
        let (what, told) = rest.split_once('\n').unwrap_or((rest, ""));
        let kind = KINDS.into_iter().find(|known| format!("{known:?}") == kind);
        let error = Self::new(kind.unwrap_or(ErrorKind::Os), what);
        error.with_report(|report| report.told = Some(told.to_owned()))
    }

    /// Whether a process ended because it could not have its address, as far as its last lines say.
    pub(crate) fn blames_address(&self) -> bool {
        self.kind() == ErrorKind::Exited && !self.lines_about_address().is_empty()
    }

    /// The last lines of output that say that an address is taken.
    pub(crate) fn lines_about_address(&self) -> Vec<String> {
        let blames = |line: &&String| {
            let line = line.to_ascii_lowercase();
            ["address already in use", "eaddrinuse"].iter().any(|words| line.contains(words))
                || line.contains("in use") && line.split(' ').any(|word| word == "port")
        };
        let output = self.0.report.output.iter().flat_map(|output| &output.lines);
        output.filter(blames).cloned().collect()
    }

    /// Returns what kind of thing went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns how the process ended, if this error is about its end.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.0.report.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        write!(f, "{}", self.0.report)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}

const _: () = {
    const fn is_send_sync<T: Send + Sync>() {}
    is_send_sync::<Error>();
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_folder() {
        for kind in KINDS {
            let error = Error::new(kind, "redis: it failed").with_report(|report| {
                report.command = Some("redis-server".to_owned());
                report.way_out = Some("none".to_owned());
            });
            let read = Error::from_text(&error.to_text());
            assert_eq!(read.kind(), kind);
            assert_eq!(format!("{read} {read:?}"), format!("{error} {error:?}"));
        }
    }
}
