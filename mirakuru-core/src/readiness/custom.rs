//! Conditions of the user's own.

use std::any::TypeId;
use std::fmt::{self, Display};
use std::sync::Arc;

use super::attempt::Attempt;
use super::condition::{Condition, ConditionSpec, Found, Poll, Requirements, StartContext};
use super::identity::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::sys;

/// A condition of your own for "started".
///
/// Closures are probes: they return a `bool`, a `Result<(), impl Display>`, or a [`Readiness`].
///
/// A good probe checks once and returns quickly. It never blocks past [`Attempt::deadline`], and it
/// puts what it saw into [`Readiness::NotYet`], which an error report then shows. It is called again
/// after a fraction of a millisecond at first, and every 10 ms later on, each time on a new thread, so a client
/// that blocks can be used in an async test too. Two starts of the same executor may call it at once.
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
///
/// # Example: a probe with a value, for a shared process
///
/// Tests share a process if their executors say the same. Two closures that captured different values
/// cannot be told apart, so a shared process needs a type with an [`identity`](Probe::identity):
///
/// ```
/// # use mirakuru_core::{Attempt, Executor, Probe, Readiness, Shared};
/// struct HasFile(&'static str);
///
/// impl Probe for HasFile {
///     fn check(&self, attempt: &Attempt<'_>) -> Readiness {
///         let dir = attempt.dir().expect("the script mentions {dir}");
///         dir.join(self.0).exists().into()
///     }
///
///     fn identity(&self) -> Option<String> {
///         Some(self.0.to_owned())
///     }
/// }
///
/// static FLAG: Shared =
///     Shared::new(|| Executor::shell("echo done > {dir}/flag; sleep 60").probe(HasFile("flag")));
/// let lease = FLAG.lease()?;
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
pub trait Probe: Send + Sync {
    /// Checks once whether the process is ready.
    fn check(&self, attempt: &Attempt<'_>) -> Readiness;

    /// Returns what tells this probe from others of its type, or `None` if nothing does; a process
    /// with such a probe cannot be shared, and each start of it waits like the first.
    ///
    /// Default: an empty text if the type has no values (its size is zero), else `None`.
    fn identity(&self) -> Option<String> {
        (size_of_val(self) == 0).then(String::new)
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

/// The result of one check by a [`Probe`].
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Attempt, Executor, Readiness};
/// let has_data = |attempt: &Attempt<'_>| match attempt.dir().map(|dir| dir.join("data").exists()) {
///     Some(true) => Readiness::Ready,
///     Some(false) => Readiness::NotYet("there is no data".to_owned()),
///     None => Readiness::Failed("it has no directory".to_owned()),
/// };
/// let server = Executor::shell("echo 1 > {dir}/data; exec sleep 60").probe(has_data).start()?;
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// The condition holds.
    Ready,
    /// The condition does not hold yet; this is what was seen instead.
    NotYet(String),
    /// The condition will never hold, for this reason. The start fails at once with
    /// [`ErrorKind::Failed`].
    Failed(String),
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

/// A probe, and its type.
#[derive(Clone)]
pub(crate) struct ProbeSpec {
    probe: Arc<dyn Probe>,
    type_id: TypeId,
    type_name: &'static str,
}

impl ProbeSpec {
    pub(crate) fn new<P: Probe + 'static>(probe: P) -> Self {
        let (type_id, type_name) = (TypeId::of::<P>(), std::any::type_name::<P>());
        Self { probe: Arc::new(probe), type_id, type_name }
    }
}

impl fmt::Debug for ProbeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProbeSpec({})", self.type_name)
    }
}

impl ConditionSpec for ProbeSpec {
    fn key(&self) -> &'static str {
        "probe"
    }

    fn requirements(&self) -> Requirements {
        Requirements { captured_values: true, ..Requirements::default() }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        let Some(own) = self.probe.identity() else {
            let what = format!(
                "the probe `{}` holds values, so it cannot be told from another one that its \
                 process would be shared with",
                self.type_name
            );
            return Err(Error::invalid(what).with_help(
                "implement `Probe` for a type of your own, with the method `identity`, or do not \
                 capture variables in the closure",
            ));
        };
        identity.add((self.type_id, own));
        Ok(())
    }

    fn build(&self, _context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        Ok(Box::new(CustomProbe(self.clone())))
    }
}

struct CustomProbe(ProbeSpec);

impl Condition for CustomProbe {
    fn describe(&self) -> String {
        format!("the probe `{}`", self.0.type_name)
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        // A panic is an error, which is kept for the other tests as one.
        let checked = sys::on_own_thread(|| self.0.probe.check(attempt));
        match checked.unwrap_or_else(Readiness::Failed) {
            Readiness::Ready => Ok(Poll::Ready(Found::default())),
            Readiness::NotYet(seen) => Ok(Poll::pending(seen)),
            Readiness::Failed(why) => {
                Err(Error::new(ErrorKind::Failed, format!("will not be ready: {why}")))
            }
        }
    }
}
