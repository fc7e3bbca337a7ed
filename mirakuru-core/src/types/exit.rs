//! How a process ended.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::types::Signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    status: ExitStatus,
    was_killed: bool,
}

impl Exit {
    pub(crate) fn new(status: ExitStatus) -> Self {
        Self { status, was_killed: false }
    }

    pub(crate) fn with_killed(self, was_killed: bool) -> Self {
        Self { was_killed, ..self }
    }

    /// Returns the code that the main process exited with, unless a signal ended it.
    #[must_use]
    pub fn code(self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the signal that ended the main process, if one did.
    #[must_use]
    pub fn signal(self) -> Option<Signal> {
        self.status.signal().map(Signal::new)
    }

    /// Whether the main process exited with code 0.
    #[must_use]
    pub fn success(self) -> bool {
        self.status.success()
    }

    /// Whether something of the process was still there when its time to stop was over, so that it
    /// had to be killed.
    #[must_use]
    pub fn was_killed(self) -> bool {
        self.was_killed
    }

    /// Whether this is how a process ends that was asked to stop by `signal`.
    pub(crate) fn is_expected(self, expected: Option<i32>, signal: Signal) -> bool {
        if self.was_killed {
            // We ended it. That it did not end by itself is for the caller to judge.
            return true;
        }
        let by_shell = self.as_shell_code();
        match expected {
            Some(code) => by_shell == if code < 0 { 128 - code } else { code },
            None => by_shell == 0 || by_shell == 128 + signal.number(),
        }
    }

    /// What is not plain about the end of a process that was to live.
    pub(crate) fn hint(self) -> Option<&'static str> {
        if self.signal() == Some(Signal::KILL) {
            return Some("who sent it? The kernel does when memory is short: see `dmesg`");
        }
        self.success().then_some(
            "it ended without an error. Does it need an option to stay, or a standard input? That \
             is empty unless `stdin` gives one",
        )
    }

    /// Death by signal N counts as code 128 + N: a shell or a JVM turns the one into the other.
    fn as_shell_code(self) -> i32 {
        let by_signal = self.status.signal().map_or(0, |number| 128 + number);
        self.status.code().unwrap_or(by_signal)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exited with code {code}")?,
            (None, Some(signal)) => write!(f, "was ended by {signal}")?,
            (None, None) => f.write_str("ended")?,
        }
        if self.was_killed { f.write_str(" (killed after its time to stop)") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: i32) -> Exit {
        Exit::new(ExitStatus::from_raw(code << 8))
    }

    fn signal(signal: Signal) -> Exit {
        Exit::new(ExitStatus::from_raw(signal.number()))
    }

    #[test]
    fn without_expectation_success_and_the_stop_signal_are_expected() {
        for exit in [code(0), signal(Signal::TERM), code(143)] {
            assert!(exit.is_expected(None, Signal::TERM), "{exit}");
        }
        for exit in [code(1), code(3), signal(Signal::KILL), signal(Signal::INT)] {
            assert!(!exit.is_expected(None, Signal::TERM), "{exit}");
        }
    }

    #[test]
    fn an_expected_code_is_the_only_one() {
        assert!(code(3).is_expected(Some(3), Signal::TERM));
        assert!(!code(0).is_expected(Some(3), Signal::TERM));
        assert!(!signal(Signal::TERM).is_expected(Some(3), Signal::TERM));
    }

    #[test]
    fn a_signal_and_the_code_that_a_shell_makes_of_it_are_the_same() {
        for expected in [143, -15] {
            for exit in [code(143), signal(Signal::TERM)] {
                assert!(exit.is_expected(Some(expected), Signal::INT), "{exit} for {expected}");
            }
        }
    }
}
