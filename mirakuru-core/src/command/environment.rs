//! The environment of a process.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::error::{Error, Result};
use crate::syntax::command;

/// The difference between the environment of a process and that of the tests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Environment {
    pub(crate) clear: bool,
    /// Variables to set, or to unset (`None`). The last entry for a name wins.
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

    /// Returns all variables of the process.
    pub(crate) fn variables(&self) -> Vec<(OsString, OsString)> {
        let of_tests = std::env::vars_os().filter(|_| !self.clear);
        let mut variables: BTreeMap<_, _> = of_tests.collect();
        variables.retain(|name, _| !OF_THE_SERVICE_MANAGER.iter().any(|it| name == it));
        for (name, value) in &self.changes {
            match value {
                Some(value) => variables.insert(name.clone(), value.clone()),
                None => variables.remove(name),
            };
        }
        variables.into_iter().collect()
    }

    /// Fails if a name cannot be that of a variable.
    pub(crate) fn check(&self) -> Result<()> {
        let mut names = self.changes.iter().map(|(name, _)| name.as_encoded_bytes());
        names.try_for_each(command::check_variable).map_err(Error::invalid)
    }
}

/// Variables by which a service manager addresses the tests, if one runs them. A server would take
/// them as addressed to itself.
const OF_THE_SERVICE_MANAGER: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];
