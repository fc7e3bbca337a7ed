//! The environment of a process.

use std::ffi::{OsStr, OsString};
use std::process::Command;

use crate::error::{Error, Result};

/// How a process's environment differs from that of the tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) clear: bool,
    /// Variables that are set, or unset. The last one of a name counts.
    pub(crate) changes: Vec<(OsString, Option<OsString>)>,
}

impl Environment {
    pub(crate) fn get(&self, name: impl AsRef<OsStr>) -> Option<OsString> {
        let name = name.as_ref();
        match self.changes.iter().rev().find(|(changed, _)| changed == name) {
            Some((_, value)) => value.clone(),
            None if self.clear => None,
            None => std::env::var_os(name),
        }
    }

    pub(crate) fn apply_to(&self, command: &mut Command) {
        if self.clear {
            command.env_clear();
        }
        for name in OF_THE_SERVICE {
            command.env_remove(name);
        }
        for (name, value) in &self.changes {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// A name that cannot be one, if there is any.
    pub(crate) fn check(&self) -> Result<()> {
        let is_bad = |name: &OsStr| {
            let bytes = name.as_encoded_bytes();
            bytes.is_empty() || bytes.contains(&b'=') || bytes.contains(&0)
        };
        match self.changes.iter().find(|(name, _)| is_bad(name)) {
            Some((name, _)) => Err(Error::invalid(format!(
                "`{}` cannot be the name of an environment variable",
                name.to_string_lossy()
            ))),
            None => Ok(()),
        }
    }
}

/// What a service manager has told the tests, if one runs them. It is not meant for their servers,
/// which would take it for theirs.
const OF_THE_SERVICE: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];
