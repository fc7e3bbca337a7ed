//! An executor whose process starts together with others.

use std::sync::Arc;

use super::Executor;
use crate::error::Result;
use crate::launch::plan::{LaunchPlan, Reserved};
use crate::process::Process;
use crate::resources::placeholders::OtherValues;
use crate::resources::ports::Reservation;
use crate::server::{Needed, Server};
use crate::supervisor::Interrupt;

impl Executor {
    /// Describes the same process under a name, as one that another thread may end.
    pub(crate) fn as_member(
        &self,
        name: &str,
        prefix: Option<String>,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Self> {
        let mut member = self.clone().name(name);
        member.spec.prefix = prefix;
        member.spec.interrupt = Some(Arc::clone(interrupt));
        member.or_external()
    }

    /// Sets what the texts may name of another process.
    pub(crate) fn set_other(&mut self, name: &str, values: OtherValues) {
        self.spec.others.set(name, values);
    }

    /// Reserves what other processes may name: ports, and a directory.
    pub(crate) fn reserve(&self, reservation: Reservation) -> Result<Reserved> {
        LaunchPlan::reserve(&*self.spec.effective()?, reservation)
    }

    /// Returns the names of the processes that the texts name, each with true if its value is known.
    pub(crate) fn named_others(&self, reserved: &mut Reserved) -> Result<Vec<(String, bool)>> {
        LaunchPlan::named_others(&*self.spec.effective()?, &mut reserved.0)
    }

    /// Starts the process with what was reserved for it. The closures that set it up have not run.
    pub(crate) fn start_reserved(
        &self,
        (values, ports): Reserved,
        needed: Vec<Needed>,
    ) -> Result<Process> {
        let plan = LaunchPlan::new(&*self.spec.effective()?, values)?;
        let server = Server::start(plan, ports, needed)?;
        Ok(Process::new(server, self.after_ready_with.clone()))
    }
}
