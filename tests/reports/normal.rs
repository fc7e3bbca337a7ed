//! Replaces what differs from run to run in a report.

use std::path::Path;
use std::time::Duration;

use expect_test::Expect;
use mirakuru_rstest::{Error, Executor};
use mirakuru_tests::bin;
use regex_lite::Regex;

/// A time limit that is reached.
pub(crate) const SHORT: Duration = Duration::from_millis(600);

/// Compares the report of a failing start with the expected text.
#[track_caller]
pub(crate) fn fails(executor: &Executor, expected: &Expect) {
    match executor.start() {
        Ok(process) => panic!("it started: {process:?}"),
        Err(error) => check(&error, expected),
    }
}

/// Compares the report of an error with the expected text.
#[track_caller]
pub(crate) fn check(error: &Error, expected: &Expect) {
    expected.assert_eq(&normal(&format!("{error:?}\n")));
}

/// Patterns and their replacements, in the order in which they are applied.
const CHANGES: &[(&str, &str)] = &[
    (r"/[^ `]*/mk-[0-9]+-[0-9a-f]+-[0-9]+", "SCRATCH"),
    (r"/[^ `]*/mirakuru-[0-9]+-[0-9]+-[0-9a-f]+", "DIR"),
    (r"\(/[^()]*\.log\)", "(LOG)"),
    (r"`[^`]*/deps/reports-[^`]*`", "`TESTS`"),
    (r"(127\.0\.0\.1|\[::1\]|::1|localhost):[0-9]+", "$1:PORT"),
    (r"(mk-[a-z-]+) [0-9]{4,5}\b", "$1 PORT"),
    (r"\b(pid|echo) [0-9]+", "$1 PID"),
    (r"in /[^ ]*-check-[0-9-]+\.log", "in LOG"),
    (r"checked (once|[0-9]+ times) in [0-9.]+ s", "checked N times in TIME"),
    (r"PATH \(/[^()]*\)", "PATH (…)"),
    ("Address in use", "Address already in use"), // In the words of musl, and of glibc.
];

pub(crate) fn normal(report: &str) -> String {
    let bins = Path::new(bin!("mk-cat")).parent().unwrap();
    let report = report.replace(&format!("{}/", bins.display()), "BIN/");
    CHANGES.iter().fold(report, |report, (from, to)| {
        Regex::new(from).unwrap().replace_all(&report, *to).into_owned()
    })
}
