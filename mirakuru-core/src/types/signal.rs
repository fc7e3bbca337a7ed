//! Signals by name and number.

use std::fmt;
use std::str::FromStr;

use crate::syntax;

/// A signal: one that a process can be sent, or that ended it.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Signal;
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

crate::syntax::signal::with_signals!(signals);

impl Signal {
    /// Returns the signal with this number, also one without a name here.
    ///
    /// The number is not checked. `Signal::try_from` fails unless it is one from 1 to 64.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Signal;
    /// assert_eq!(Signal::new(15), Signal::TERM);
    /// ```
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number of the signal.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Signal;
    /// assert_eq!(Signal::TERM.number(), 15);
    /// ```
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
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
        f.write_str(&self.0)
    }
}

impl std::error::Error for ParseSignalError {}

/// Checks that the number is one from 1 to 64.
impl TryFrom<i32> for Signal {
    type Error = ParseSignalError;

    fn try_from(number: i32) -> Result<Self, ParseSignalError> {
        match (1..=64).contains(&number) {
            true => Ok(Self::new(number)),
            false => Err(ParseSignalError(format!("{number} is not the number of a signal"))),
        }
    }
}

/// Parses a name, with or without `SIG`.
impl FromStr for Signal {
    type Err = ParseSignalError;

    fn from_str(text: &str) -> Result<Self, ParseSignalError> {
        let name = syntax::signal::find(text).map_err(ParseSignalError)?;
        let known = NAMES.iter().find(|(known, _)| *known == name);
        Ok(known.expect("the name is in the same list").1)
    }
}
