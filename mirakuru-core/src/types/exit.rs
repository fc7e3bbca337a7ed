//! The end of a process.

use std::fmt;
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::types::Signal;

/// The end of a process: an exit code or a signal.
///
/// It is about the main process. [`was_killed`](Exit::was_killed) is about all processes that belong
/// to it.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Executor, Signal};
/// let mut process = Executor::new("sleep 60").start()?;
/// let exit = process.stop()?;
/// assert_eq!(exit.signal(), Some(Signal::TERM));
/// assert_eq!(exit.to_string(), "was ended by SIGTERM");
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    status: ExitStatus,
    was_killed: bool,
}

impl Exit {
    pub(crate) fn new(status: ExitStatus) -> Self {
        Self { status, was_killed: false }
    }

    /// Returns the status as the kernel reports it.
    pub(crate) fn raw(self) -> i32 {
        self.status.into_raw()
    }

    pub(crate) fn with_killed(self, was_killed: bool) -> Self {
        Self { was_killed, ..self }
    }

    /// Returns the code that the main process exited with, or `None` if a signal ended it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut job = Executor::shell("exit 3").start()?;
    /// let exit = job.wait_timeout(std::time::Duration::from_secs(10))?;
    /// assert_eq!(exit.code(), Some(3));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn code(self) -> Option<i32> {
        self.status.code()
    }

    /// Returns the signal that ended the main process, or `None` if it exited.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// let exit = Executor::new("sleep 60").start()?.stop()?;
    /// assert_eq!(exit.signal(), Some(Signal::TERM));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn signal(self) -> Option<Signal> {
        self.status.signal().map(Signal::new)
    }

    /// Returns true if the main process exited with code 0.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut job = Executor::new("true").start()?;
    /// assert!(job.wait_timeout(std::time::Duration::from_secs(10))?.success());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn success(self) -> bool {
        self.status.success()
    }

    /// Returns true if the stop timeout expired and the rest of the process was killed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let exit = Executor::new("sleep 60").start()?.stop()?;
    /// assert!(!exit.was_killed());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn was_killed(self) -> bool {
        self.was_killed
    }

    /// Returns true if a process that was asked to stop by `signal` may end like this.
    pub(crate) fn is_expected(self, expected: Option<&ExpectedExit>, signal: Signal) -> bool {
        if self.was_killed {
            // Its end says nothing about it, because the supervisor killed it.
            return true;
        }
        let by_shell = self.as_shell_code();
        match expected {
            Some(codes) => {
                codes.contains(by_shell) || by_shell > 128 && codes.contains(128 - by_shell)
            }
            None => by_shell == 0 || by_shell == 128 + signal.number(),
        }
    }

    /// Returns a help line for a process that ended although it was expected to run.
    pub(crate) fn hint(self) -> Option<&'static str> {
        if self.signal() == Some(Signal::KILL) {
            return Some("the kernel sends SIGKILL when memory is short: see `dmesg`");
        }
        self.success().then_some(
            "it ended without an error: it may need an option to stay in the foreground, or a \
             standard input, which is empty unless `stdin` gives one",
        )
    }

    /// Returns the exit code, or 128 + N for signal N: a shell or a JVM turns one into the other.
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
        if self.was_killed { f.write_str(" (killed after its stop timeout)") } else { Ok(()) }
    }
}

/// The ends of a process that count as a clean stop: an exit code, a list of codes, or a range. `-N`
/// stands for signal N.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::ExpectedExit;
/// let one = ExpectedExit::from(1);
/// let list = ExpectedExit::from([0, 2, -15]);
/// let range = ExpectedExit::from(0..=2);
/// # let _ = (one, list, range);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExpectedExit(Vec<RangeInclusive<i32>>);

impl ExpectedExit {
    fn contains(&self, code: i32) -> bool {
        self.0.iter().any(|codes| codes.contains(&code))
    }

    /// Returns the first and last code of each range, as they were given.
    pub(crate) fn ranges(&self) -> &[RangeInclusive<i32>] {
        &self.0
    }
}

impl From<i32> for ExpectedExit {
    fn from(code: i32) -> Self {
        Self(vec![code..=code])
    }
}

impl From<RangeInclusive<i32>> for ExpectedExit {
    fn from(codes: RangeInclusive<i32>) -> Self {
        Self(vec![codes])
    }
}

impl<const N: usize> From<[i32; N]> for ExpectedExit {
    fn from(codes: [i32; N]) -> Self {
        Self::from(codes.as_slice())
    }
}

impl From<&[i32]> for ExpectedExit {
    fn from(codes: &[i32]) -> Self {
        Self(codes.iter().map(|code| *code..=*code).collect())
    }
}

impl From<Vec<i32>> for ExpectedExit {
    fn from(codes: Vec<i32>) -> Self {
        Self::from(codes.as_slice())
    }
}

/// The argument of `expect_exit`.
impl fmt::Display for ExpectedExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [code] if code.start() == code.end() => write!(f, "{}", code.start()),
            [codes] => write!(f, "{codes:?}"),
            all => f.debug_list().entries(all.iter().map(RangeInclusive::start)).finish(),
        }
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
        let expected = ExpectedExit::from(3);
        let expected = Some(&expected);
        assert!(code(3).is_expected(expected, Signal::TERM));
        assert!(!code(0).is_expected(expected, Signal::TERM));
        assert!(!signal(Signal::TERM).is_expected(expected, Signal::TERM));
    }

    #[test]
    fn a_signal_and_the_code_that_a_shell_turns_it_into_are_the_same() {
        for expected in [143, -15] {
            for exit in [code(143), signal(Signal::TERM)] {
                let is_expected = exit.is_expected(Some(&expected.into()), Signal::INT);
                assert!(is_expected, "{exit} for {expected}");
            }
        }
    }

    #[test]
    fn each_code_of_a_list_or_a_range_is_expected() {
        for (expected, text) in [
            (ExpectedExit::from([0, 2, -15]), "[0, 2, -15]"),
            (vec![2, 0, 143].into(), "[2, 0, 143]"),
            ((-15..=2).into(), "-15..=2"),
        ] {
            for exit in [code(0), code(2), code(143), signal(Signal::TERM)] {
                assert!(exit.is_expected(Some(&expected), Signal::TERM), "{exit} for {text}");
            }
            for exit in [code(3), code(145), signal(Signal::new(17))] {
                let expected = Some(&expected);
                assert!(!exit.is_expected(expected, Signal::TERM), "{exit} for {text}");
            }
            assert_eq!(expected.to_string(), text);
        }
    }
}
