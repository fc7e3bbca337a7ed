//! Signals by name and number.

use std::fmt;
use std::str::FromStr;

/// A signal: one that a process can be sent, or that ended it.
///
/// # Examples
///
/// ```
/// use mirakuru_core::Signal;
///
/// assert_eq!("INT".parse(), Ok(Signal::INT));
/// assert_eq!("SIGINT".parse(), Ok(Signal::INT));
/// assert_eq!(Signal::INT.to_string(), "SIGINT");
/// assert_eq!(Signal::try_from(2), Ok(Signal::INT));
/// assert!(Signal::try_from(0).is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($name:ident = $number:ident, $doc:literal;)*) => {
        impl Signal {
            $(#[doc = $doc] pub const $name: Self = Self(nix::libc::$number);)*
        }

        const NAMES: &[(&str, Signal)] = &[$((stringify!($name), Signal::$name)),*];
    };
}

signals! {
    HUP = SIGHUP, "The terminal was closed; many servers read their configuration again.";
    INT = SIGINT, "Ctrl-C. PostgreSQL stops fast.";
    QUIT = SIGQUIT, "nginx stops when its connections have ended.";
    ABRT = SIGABRT, "The process aborted itself.";
    KILL = SIGKILL, "Cannot be caught.";
    SEGV = SIGSEGV, "The process accessed memory that it must not.";
    USR1 = SIGUSR1, "For the server to define.";
    USR2 = SIGUSR2, "For the server to define.";
    PIPE = SIGPIPE, "The process wrote to a connection that nobody reads.";
    ALRM = SIGALRM, "A timer has ended.";
    TERM = SIGTERM, "Asks a process to end.";
    CHLD = SIGCHLD, "A child has ended.";
    CONT = SIGCONT, "Continues a paused process.";
    STOP = SIGSTOP, "Pauses a process; cannot be caught.";
    TSTP = SIGTSTP, "Ctrl-Z.";
    WINCH = SIGWINCH, "The terminal's size changed; Apache ends gracefully.";
    BUS = SIGBUS, "The process accessed memory that is not there.";
    FPE = SIGFPE, "An arithmetic fault.";
    ILL = SIGILL, "An illegal instruction.";
    TRAP = SIGTRAP, "A breakpoint.";
}

impl Signal {
    /// Returns the signal with this number, also one without a name here.
    ///
    /// The number is not checked. `Signal::try_from` fails unless it is one from 1 to 64.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number of the signal.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Returns true if there may be a signal with this number.
    pub(crate) fn is_valid(self) -> bool {
        (1..=64).contains(&self.0)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, signal)| signal == self) {
            Some((name, _)) => write!(f, "SIG{name}"),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error for a text that is not the name of a signal, or a number that is not that of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseSignalError(String);

impl fmt::Display for ParseSignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a signal", self.0)
    }
}

impl std::error::Error for ParseSignalError {}

/// Checks that the number is one from 1 to 64.
impl TryFrom<i32> for Signal {
    type Error = ParseSignalError;

    fn try_from(number: i32) -> Result<Self, ParseSignalError> {
        let signal = Self::new(number);
        signal.is_valid().then_some(signal).ok_or_else(|| ParseSignalError(number.to_string()))
    }
}

/// Parses a name, with or without `SIG`.
impl FromStr for Signal {
    type Err = ParseSignalError;

    fn from_str(text: &str) -> Result<Self, ParseSignalError> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        let known = NAMES.iter().find(|(known, _)| *known == name);
        known.map(|(_, signal)| *signal).ok_or_else(|| ParseSignalError(text.to_owned()))
    }
}
