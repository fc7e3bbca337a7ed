//! The one error of the crate, and the report that it prints.

mod report;
mod transfer;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::sys;
use crate::types::Exit;

use report::Printable;
pub(crate) use report::{Attempts, Output, Report, Seconds};

/// An error about a process, with a report.
///
/// [`Display`](fmt::Display) is one line. [`Debug`](fmt::Debug), which `unwrap()` and tests that
/// return a `Result` print, is the whole report: what failed, the command, the condition that was
/// not met with the last observation, the state of the process, the last lines of its output, and
/// what to do about it where that is known.
///
/// It converts into [`std::io::Error`], so that `?` works in functions that return
/// [`std::io::Result`].
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{ErrorKind, Executor};
/// let error = Executor::new("sh -c 'exit 7'").tcp("127.0.0.1:{port}").start().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Exited);
/// assert_eq!(error.exit().and_then(|exit| exit.code()), Some(7));
/// assert_eq!(error.command(), Some("sh -c 'exit 7'"));
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    /// One line, a fragment without a full stop.
    what: String,
    report: Report,
    source: Option<Arc<io::Error>>,
}

/// The kind of an [`Error`]: what a caller may want to distinguish.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{ErrorKind, Executor};
/// let error = Executor::new("no-such-server --port {port}").start().unwrap_err();
/// match error.kind() {
///     ErrorKind::NotFound => println!("skipped: {error}"),
///     _ => panic!("{error:?}"),
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The executor is faulty. Nothing was started.
    InvalidInput,
    /// The program or its directory does not exist. Nothing was started.
    NotFound,
    /// This user cannot execute the program or enter its directory. Nothing was started.
    PermissionDenied,
    /// A readiness condition held before the start. Nothing was started.
    #[doc(alias = "ProcessAlreadyRunning")]
    AlreadyRunning,
    /// The process ended before it was ready, or while something was expected from it.
    #[doc(alias = "ProcessExitedWithError")]
    Exited,
    /// The process reported that it will never be ready.
    Failed,
    /// A time limit expired.
    #[doc(alias = "TimeoutExpired")]
    Timeout,
    /// The process did not end as expected.
    #[doc(alias = "ProcessFinishedWithError")]
    UnexpectedExit,
    /// The process has ended, but something that it has spawned is still running.
    Leak,
    /// A shared process could not be leased.
    Lease,
    /// The process stands for a server that [was not started here](crate::Executor::external).
    External,
    /// A system call failed; see the [source](std::error::Error::source).
    Os,
}

impl ErrorKind {
    const ALL: [Self; 12] = [
        Self::InvalidInput,
        Self::NotFound,
        Self::PermissionDenied,
        Self::AlreadyRunning,
        Self::Exited,
        Self::Failed,
        Self::Timeout,
        Self::UnexpectedExit,
        Self::Leak,
        Self::Lease,
        Self::External,
        Self::Os,
    ];
}

/// The advice for a lease that another test does not return.
const LEASE_HELP: &str = "if the tests wait for each other, give each of them all its processes by \
    attributes, which lease them in one order; if they are slow, raise MIRAKURU_LEASE_TIMEOUT";

/// More descriptors than a start opens at the same time.
const FDS_OF_A_START: usize = 64;

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
    pub(crate) fn os(what: impl Into<String>, source: io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Os, what);
        error.inner().source = Some(Arc::new(source));
        error
    }

    /// Returns the parts of the error for a change, which other copies of it do not see.
    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// Adds evidence.
    pub(crate) fn with_report(mut self, change: impl FnOnce(&mut Report)) -> Self {
        change(&mut self.inner().report);
        self
    }

    /// Adds what the reader can do about it.
    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        self.with_report(|report| report.help = Some(help.into()))
    }

    /// Adds what the reader can do about it, unless something better is known.
    pub(crate) fn or_help(self, help: impl Into<String>) -> Self {
        self.with_report(|report| {
            report.help.get_or_insert_with(|| help.into());
        })
    }

    /// Adds a sentence to what the reader can do about it.
    pub(crate) fn and_help(self, help: &str) -> Self {
        self.with_report(|report| {
            report.help = Some(match report.help.take() {
                Some(first) => {
                    let (begin, rest) =
                        help.split_at(help.chars().next().map_or(0, char::len_utf8));
                    let stop = if first.ends_with('?') { "" } else { "." };
                    format!("{first}{stop} {}{rest}", begin.to_uppercase())
                }
                None => help.to_owned(),
            });
        })
    }

    /// Puts the name of the process before the message.
    pub(crate) fn about(mut self, name: &str) -> Self {
        let inner = self.inner();
        inner.what = format!("{name}: {}", inner.what);
        self
    }

    /// Says that the error is about what a process needs.
    pub(crate) fn about_need(mut self, name: &str, need: &str) -> Self {
        let inner = self.inner();
        inner.what = format!("{name} needs {need}: {}", inner.what);
        self
    }

    /// Returns the error for a test that asks for a lease and would wait for its own one.
    #[cold]
    pub(crate) fn lease_deadlock(name: &str) -> Self {
        let what = format!("{name}: this test leases it already, so it would wait for itself");
        let help = "use the lease that the test has; if it is that of a process which needs this one, ask \
            for this one first, or for both by attributes";
        Self::new(ErrorKind::Lease, what).with_help(help)
    }

    /// Returns the error for a lease that another test did not return in time.
    #[cold]
    pub(crate) fn lease_timeout(name: &str, timeout: impl fmt::Display, holder: &str) -> Self {
        let what = format!("{name} was not returned within {timeout} by {holder}");
        Self::new(ErrorKind::Lease, what).with_help(LEASE_HELP)
    }

    /// Returns the error for a lease that a supervisor did not answer in time. `fd_limit` is its limit
    /// of descriptors, if it has as many.
    #[cold]
    pub(crate) fn lease_unanswered(
        name: &str,
        timeout: impl fmt::Display,
        fd_limit: Option<usize>,
    ) -> Self {
        let what =
            format!("{name} was not leased within {timeout}: its supervisor does not answer");
        let help = fd_limit.map_or("is it stopped, as by a debugger?".to_owned(), |limit| {
            format!(
                "it has as many file descriptors as it may, {limit}, and each lease takes one: raise \
                 `ulimit -Hn`, or hold fewer leases at a time"
            )
        });
        Self::new(ErrorKind::Lease, what).with_help(help)
    }

    /// Returns the error for a lease that an earlier test has waited for in vain.
    #[cold]
    pub(crate) fn lease_overdue(name: &str, timeout: impl fmt::Display, holder: &str) -> Self {
        let what = format!(
            "{name} is still held by {holder}, which did not return it to an earlier test within \
             {timeout}"
        );
        Self::new(ErrorKind::Lease, what).with_help(LEASE_HELP)
    }

    /// Returns true if the start of a server failed because of a system call, because its supervisor was
    /// killed, or while this process had too few descriptors. That says little about the next attempt,
    /// in this process or another.
    pub(crate) fn may_pass(&self) -> bool {
        let has_no_cause = self.kind() == ErrorKind::Os || self.0.report.is_supervisor_killed;
        has_no_cause || !sys::has_free_fds(FDS_OF_A_START)
    }

    /// Returns true if the process ended because an address was in use, as far as its own output
    /// tells.
    pub(crate) fn is_address_in_use(&self) -> bool {
        self.kind() == ErrorKind::Exited && self.0.report.is_address_in_use
    }

    /// Returns the kind of the error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{ErrorKind, Executor};
    /// let error = Executor::new("no-such-program").start().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::NotFound);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns how the process ended, if this error is about its end.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Exit};
    /// let error = Executor::shell("exit 7").output("ready").start().unwrap_err();
    /// assert_eq!(error.exit().and_then(Exit::code), Some(7));
    /// ```
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.0.report.exit
    }

    /// Returns the command of the process in one line, quoted as for a shell, if the error is about
    /// a process whose command is known.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let error = Executor::shell("exit 7").output("ready").start().unwrap_err();
    /// assert_eq!(error.command(), Some("/bin/sh -c 'exit 7'"));
    /// ```
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.0.report.command()
    }

    /// Returns the path of the file with the output of the process, if it has written to one. With
    /// separate files, it is that of standard output.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let error = Executor::shell("echo oops; exit 7").output("ready").start().unwrap_err();
    /// let log = std::fs::read_to_string(error.log_path().unwrap()).unwrap();
    /// assert_eq!(log, "oops\n");
    /// ```
    #[must_use]
    pub fn log_path(&self) -> Option<&Path> {
        self.0.report.log_path()
    }
}

/// Returns the value, or panics with the whole report.
#[track_caller]
pub(crate) fn or_panic<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error:?}"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Printable(&self.0.what))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        write!(f, "{}", Printable(&self.0.report.to_string()))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// Keeps the whole report: [`get_ref`](io::Error::get_ref) returns the [`Error`], and `Debug` prints
/// it.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::AlreadyRunning => io::ErrorKind::AlreadyExists,
            ErrorKind::Exited if error.is_address_in_use() => io::ErrorKind::AddrInUse,
            ErrorKind::Timeout => io::ErrorKind::TimedOut,
            ErrorKind::Lease => io::ErrorKind::ResourceBusy,
            ErrorKind::External => io::ErrorKind::Unsupported,
            ErrorKind::Os => error.0.source.as_ref().map_or(io::ErrorKind::Other, |e| e.kind()),
            ErrorKind::Exited | ErrorKind::Failed | ErrorKind::UnexpectedExit | ErrorKind::Leak => {
                io::ErrorKind::Other
            }
        };
        Self::new(kind, error)
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
    fn a_copy_of_an_error_can_be_changed_without_the_original() {
        let original = Error::new(ErrorKind::Failed, "it failed");
        let changed = original.clone().with_help("try again").about("redis");
        assert_eq!(format!("{changed:?}"), "redis: it failed\n  help: try again");
        assert_eq!(format!("{original:?}"), "it failed");
    }

    #[test]
    fn an_io_error_keeps_the_kind_and_the_report() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        for (error, kind) in [
            (Error::invalid("it failed"), io::ErrorKind::InvalidInput),
            (Error::new(ErrorKind::Timeout, "it failed"), io::ErrorKind::TimedOut),
            (Error::new(ErrorKind::Exited, "it failed"), io::ErrorKind::Other),
            (Error::os("it failed", refused), io::ErrorKind::ConnectionRefused),
        ] {
            let error = io::Error::from(error.with_help("try again"));
            assert_eq!((error.kind(), error.to_string()), (kind, "it failed".to_owned()));
            let kept = error.get_ref().and_then(|kept| kept.downcast_ref::<Error>()).unwrap();
            assert!(format!("{kept:?}").ends_with("help: try again"));
            assert!(format!("{error:?}").contains("help: try again"));
        }
    }
}
