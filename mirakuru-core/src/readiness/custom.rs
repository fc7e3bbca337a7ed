//! Conditions of the user's own.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Condition;
use crate::error::Result;
use crate::resources::placeholders::Placeholders;
use crate::supervisor::Client;

/// A condition of your own for "started".
///
/// Closures are probes: they return a `bool`, a `Result<(), impl Display>`, or a [`Readiness`].
///
/// A good probe looks once and returns quickly; it never waits past [`Attempt::deadline`], and it
/// puts what it saw into [`Readiness::NotYet`], which an error report then shows. It is asked again
/// after a fraction of a millisecond at first, and each 10 ms later on.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::Executor;
/// let process = Executor::shell("echo done > {dir}/flag; sleep 60")
///     .probe(|attempt: &mirakuru_core::Attempt<'_>| {
///         let flag = attempt.render("{dir}/flag").expect("the script mentions {dir}");
///         std::fs::read_to_string(flag).map(drop)
///     })
///     .start()?;
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub trait Probe: Send + Sync {
    /// Looks once whether the process is ready.
    fn check(&self, attempt: &Attempt<'_>) -> Readiness;

    /// Returns what tells this probe from others when two definitions are compared.
    ///
    /// Default: the name of its type. Two closures have different names, but the values that they
    /// captured are not looked at.
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

impl<F, R> Probe for F
where
    F: Fn(&Attempt<'_>) -> R + Send + Sync,
    R: Into<Readiness>,
{
    fn check(&self, attempt: &Attempt<'_>) -> Readiness {
        self(attempt).into()
    }
}

/// What a look at a process found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The condition holds.
    Ready,
    /// The condition does not hold yet; this is what was seen instead.
    NotYet(String),
}

impl From<bool> for Readiness {
    fn from(ready: bool) -> Self {
        if ready { Self::Ready } else { Self::NotYet("false".to_owned()) }
    }
}

impl<E: Display> From<Result<(), E>> for Readiness {
    fn from(result: Result<(), E>) -> Self {
        result.map_or_else(|error| Self::NotYet(error.to_string()), |()| Self::Ready)
    }
}

/// One look at a process that is being started.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub(super) values: &'a Placeholders,
    pub(super) client: &'a Client,
    pub(super) deadline: Instant,
}

impl Attempt<'_> {
    /// Returns when the time for the whole start is over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the id of the main process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.client.state().main as u32
    }

    /// Returns the port that `{port}` stands for.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.values.port("")
    }

    /// Returns the port that `{port:name}` stands for.
    #[must_use]
    pub fn port_named(&self, name: &str) -> Option<u16> {
        self.values.port(name)
    }

    /// Returns the folder that `{dir}` stands for.
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.values.dir()
    }

    /// Puts values in the place of placeholders.
    ///
    /// # Errors
    ///
    /// The text has a placeholder that is unknown or that this process has no value for.
    pub fn render(&self, text: &str) -> Result<String> {
        self.values.render(text)
    }
}

pub(super) struct CustomProbe(pub(super) Arc<dyn Probe>);

impl Condition for CustomProbe {
    fn what(&self) -> String {
        format!("the probe `{}`", self.0.type_name())
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        Ok(self.0.check(attempt))
    }
}
