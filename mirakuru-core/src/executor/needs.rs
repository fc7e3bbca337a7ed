//! Other processes that a process needs.

use std::borrow::Cow;

use super::Executor;
use super::need::{Chain, Need};
use crate::error::Result;
use crate::process::NeedLeases;
use crate::readiness::Identity;
use crate::resources::placeholders::check_names;

impl Executor {
    /// Starts another process first, which then runs as long as this one does: this one is stopped
    /// first, however the tests end.
    ///
    /// `other` is a shared process: a static [`Shared`](crate::Shared), or a function that returns an
    /// `Executor`, as a `#[process_fixture]` is one. In the texts of this
    /// executor, `{db.port}`, `{db.port:admin}`, `{db.addr}`, `{db.url}` and `{db.dir}` stand for the values of
    /// the process that is called `db` here.
    ///
    /// A test that leases this process leases the other one, too. So a test that has the other one alone waits
    /// for the tests of this one. It may have both: then it asks for the other one first, or for both by
    /// attributes. If the other one has died, both are started again for the next lease. A restart of
    /// the other one, by a test that has it alone, leaves this one running.
    ///
    /// # Errors
    ///
    /// The start returns those of the other process, with the names of both, and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if processes need each other, if a chain of them is longer
    /// than 16, or if a process with the scope `session` needs one of the scope `binary`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static FILES: Shared = Shared::new(|| {
    ///     Executor::new("python3 -m http.server {port} --bind 127.0.0.1").http("http://127.0.0.1:{port}/")
    /// });
    /// static APP: Shared = Shared::new(|| {
    ///     Executor::shell("echo $FILES_URL; exec sleep 60").needs("files", &FILES).env("FILES_URL", "{files.url}")
    /// });
    ///
    /// let app = APP.lease()?;
    /// assert_eq!(FILES.lease_count(), 1);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn needs(mut self, name: impl Into<String>, other: impl Into<Need>) -> Self {
        self.needs.push((name.into(), other.into()));
        self
    }

    /// Leases what the process needs, and before that what those need, in the order of every test. Otherwise
    /// two tests would wait for each other.
    pub(crate) fn lease_needs(&self) -> Result<NeedLeases> {
        let mut order = Vec::new();
        add_all(self.all_needs(), &mut order)?;
        order.sort_by(|(one, _), (other, _)| one.cmp(other));
        // One that fails does so once more below, where its error names both.
        let _held: Vec<_> =
            order.iter().map_while(|(_, need)| need.sharing().lease().ok()).collect();
        self.lease_direct_needs()
    }

    /// Leases what the process itself needs, where the test already has what those need.
    pub(crate) fn lease_direct_needs(&self) -> Result<NeedLeases> {
        if self.needs.is_empty() {
            return Ok(NeedLeases::default());
        }
        let name = self.spec.display_name();
        let names = self.needs.iter().map(|(name, _)| name.as_str());
        check_names(names).map_err(|error| error.about(&name))?;
        let leases = self.needs.iter().map(|(need_name, need)| {
            need.sharing().lease().map_err(|error| error.about_need(&name, need_name))
        });
        leases.collect::<Result<_>>().map(NeedLeases::new)
    }

    /// Returns this executor with what it needs found once and for all: a later look would describe a
    /// process again, and lease for that what others need.
    pub(crate) fn resolved(mut self) -> Result<Self> {
        if self.needs.is_empty() {
            return Ok(self);
        }
        let _chain = Chain::enter(self.spec.display_name())?;
        for (_, need) in &mut self.needs {
            *need = need.sharing().resolved()?;
        }
        Ok(self)
    }

    /// Returns this executor, with what its texts may name of the processes that it needs.
    pub(crate) fn knowing(&self, leases: &NeedLeases) -> Cow<'_, Self> {
        let mut knowing = Cow::Borrowed(self);
        for ((name, _), values) in self.needs.iter().zip(leases.values()) {
            knowing.to_mut().set_other(name, values);
        }
        knowing
    }

    /// Returns what the process needs.
    pub(crate) fn all_needs(&self) -> Vec<Need> {
        self.needs.iter().map(|(_, need)| need.clone()).collect()
    }

    pub(super) fn identify_needs(&self, identity: &mut Identity) -> Result<()> {
        self.needs.iter().try_for_each(|(name, need)| {
            identity.add((name, need.sharing().key()?));
            Ok(())
        })
    }
}

/// The place of a process among all that a test leases: how long the chain of needs below it is, and its
/// key.
type Place = (usize, Option<String>);

/// Adds what a process needs, and what that needs. Returns the length of the longest chain.
pub(crate) fn add_all(needs: Vec<Need>, order: &mut Vec<(Place, Need)>) -> Result<usize> {
    let mut longest = 0;
    for need in needs {
        let depth = add_all(need.sharing().needs()?, order)?;
        order.push(((depth, Some(need.sharing().key()?)), need));
        longest = longest.max(depth + 1);
    }
    Ok(longest)
}
