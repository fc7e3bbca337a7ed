//! Closures that set up a process when it is ready.

use std::any::{TypeId, type_name};
use std::fmt::{self, Display};
use std::sync::Arc;

use super::Process;
use crate::error::{Error, ErrorKind, Result};
use crate::readiness::Identity;
use crate::sys;

type Call = dyn Fn(&Process) -> Result<(), String> + Send + Sync;

/// A closure, and its type.
#[derive(Clone)]
pub(crate) struct AfterReady {
    call: Arc<Call>,
    type_id: TypeId,
    type_name: &'static str,
    has_values: bool,
}

impl AfterReady {
    pub(crate) fn new<F, E>(set_up: F) -> Self
    where
        F: Fn(&Process) -> Result<(), E> + Send + Sync + 'static,
        E: Display,
    {
        Self {
            type_id: TypeId::of::<F>(),
            type_name: type_name::<F>(),
            has_values: size_of::<F>() > 0,
            // `#` has some libraries print the causes, too.
            call: Arc::new(move |process| set_up(process).map_err(|error| format!("{error:#}"))),
        }
    }

    /// Adds what tells the closure from others.
    pub(crate) fn identify(&self, identity: &mut Identity) -> Result<()> {
        if self.has_values {
            let what = format!(
                "the closure `{}` of `after_ready_with` captures variables, so it cannot be told from \
                 another one that its process would be shared with",
                self.type_name
            );
            let help = "use a function, or a closure that captures nothing";
            return Err(Error::invalid(what).with_help(help));
        }
        identity.add(("after_ready_with", self.type_id));
        Ok(())
    }
}

impl fmt::Debug for AfterReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AfterReady({})", self.type_name)
    }
}

impl Process {
    /// Calls the closures that set the process up.
    pub(crate) fn run_after_ready(&self) -> Result<()> {
        self.after_ready.iter().try_for_each(|after_ready| {
            // A panic is an error, which is kept for the other tests as one.
            sys::on_own_thread(|| (after_ready.call)(self)).and_then(|outcome| outcome).map_err(
                |why| {
                    self.server
                        .failed(ErrorKind::Failed, &format!("after_ready_with failed: {why}"))
                },
            )
        })
    }
}
