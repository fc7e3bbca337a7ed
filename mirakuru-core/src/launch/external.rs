//! A server that runs already.

use std::fmt;

use crate::diagnostics::used_servers;
use crate::error::{Error, ErrorKind, Result};
use crate::syntax::address::Address;

/// The address of a server that runs already, and who names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct External {
    address: String,
    /// The environment variable, unless it is the executor.
    variable: Option<String>,
}

impl External {
    pub(crate) fn new(address: String) -> Self {
        Self { address, variable: None }
    }

    /// Returns the server that the environment names for a process of these names.
    ///
    /// # Errors
    ///
    /// Fails if it names two.
    pub(crate) fn of_environment(names: &[String]) -> Result<Option<Self>> {
        let found = used_servers::find(names).map_err(|error| error.about(&names[0]))?;
        Ok(found.map(|(variable, address)| Self { address, variable: Some(variable) }))
    }

    /// Returns who names it.
    pub(super) fn source(&self) -> &str {
        self.variable.as_deref().unwrap_or("`external`")
    }

    /// Returns its address, unless that is faulty, which `effective` reports.
    pub(super) fn address(&self) -> Option<Address> {
        self.parse().ok()
    }

    pub(super) fn parse(&self) -> Result<Address> {
        Address::parse_running(&self.address).map_err(|why| match &self.variable {
            Some(variable) => Error::invalid(format!("the environment variable {variable}: {why}")),
            None => Error::invalid(format!("`external`: {why}")),
        })
    }

    /// Returns the error for what can only be done with a process that was started here.
    pub(crate) fn refuse(&self, name: &str, what: &str) -> Error {
        let what = format!("{name} {what}: it is {self}, which was not started here");
        Error::new(ErrorKind::External, what).with_help(match &self.variable {
            Some(variable) => format!("unset {variable} for tests that need this"),
            None => "leave out `external` for tests that need this".to_owned(),
        })
    }

    /// Returns what to do if a command for the server fails.
    pub(crate) fn help_with_step(&self) -> String {
        format!("{self} keeps what earlier runs have done to it: the command has to be repeatable")
    }

    /// Returns what to do if the server does not answer as the tests expect. It may run, and be another
    /// one.
    pub(crate) fn help(&self) -> String {
        let otherwise = match &self.variable {
            Some(variable) => format!("unset {variable}"),
            None => "leave out `external`".to_owned(),
        };
        format!(
            "check that it runs, and that it is the server which the tests expect; or {otherwise}, and \
             one is started here"
        )
    }
}

impl fmt::Display for External {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server at {} that {} names", self.address, self.source())
    }
}
