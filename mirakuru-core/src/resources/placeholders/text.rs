//! A text of an executor, and which one it is.

use std::ffi::OsStr;
use std::fmt;

use crate::error::Error;
use crate::syntax::template::Fault;

/// A text of an executor in which placeholders may stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    pub(crate) part: Part<'a>,
    pub(crate) text: &'a str,
}

/// The part of an executor that a text belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Command,
    /// The value of the environment variable of this name.
    Variable(&'a OsStr),
    WorkingDir,
    /// The text of the file at this path.
    File(&'a str),
    /// What is given to the method of this name, or to the key of the attribute.
    Key(&'static str),
}

impl fmt::Display for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command => f.write_str("the command"),
            Self::Variable(name) => {
                write!(f, "the environment variable `{}`", name.to_string_lossy())
            }
            Self::WorkingDir => f.write_str("the working directory"),
            Self::File(path) => write!(f, "the file `{path}`"),
            Self::Key(key) => write!(f, "`{key}`"),
        }
    }
}

impl Text<'_> {
    pub(super) fn fault(&self, fault: &Fault) -> Error {
        Error::invalid(format!("in {}: {}", self.at(fault.at.start), fault.message))
    }

    /// Quotes the line that has this byte in it, and names the part.
    pub(super) fn at(&self, at: usize) -> String {
        let start = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = self.text[start..].lines().next().unwrap_or_default().trim();
        format!("`{line}` of {}", self.part)
    }
}
