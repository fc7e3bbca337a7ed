//! The servers that a server needs.

use super::Server;
use super::needed::Needed;
use crate::error::{Error, Result};

impl Server {
    /// Returns what a server that needs this one has to know.
    pub(crate) fn needed(&self) -> Needed {
        Needed { client: self.client(), values: self.for_others() }
    }

    /// Sets the connections to the servers that this one needs.
    pub(crate) fn set_needed(&mut self, needed: Vec<Needed>) {
        self.needed = needed;
    }

    /// Returns true if the servers that this one needs are still the same.
    pub(crate) fn needs_same(&self, needed: &[Needed]) -> bool {
        self.needed.len() == needed.len()
            && self.needed.iter().zip(needed).all(|(one, other)| one.mark() == other.mark())
    }

    /// Lets the supervisors of the needed servers wait for that of this one.
    pub(super) fn introduce_supervisors(&self) -> Result<()> {
        self.needed.iter().try_for_each(|needed| {
            let introduced = self.client.need(&needed.client, self.plan.stop_timeout);
            introduced.map_err(|error| {
                let what = format!("{}, which it needs, has ended", needed.client.name());
                Error::os(what, error).about(&self.plan.name)
            })
        })
    }
}
