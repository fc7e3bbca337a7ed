//! Sharing a server with other processes, and the leases of it.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::manifest::ServerManifest;
use super::server::STOP_GRACE;
use super::{Publication, Server};
use crate::diagnostics::events;
use crate::diagnostics::progress::Progress;
use crate::error::{Error, Result};
use crate::launch::plan::LaunchPlan;
use crate::output::LeaseMark;
use crate::supervisor::{LeaseStatus, Request, State};
use crate::sys;

/// The interval at which progress is reported while a lease is waited for.
const PROGRESS_STEP: Duration = Duration::from_millis(100);

impl Server {
    /// Publishes what another process needs to attach, now and after each start.
    pub(crate) fn publish(&mut self, publication: Publication) -> Result<()> {
        self.publication = Some(publication);
        self.publish_manifest()
    }

    pub(super) fn publish_manifest(&self) -> Result<()> {
        match &self.publication {
            Some(Publication { path, key }) => self.manifest(key).publish(path),
            None => Ok(()),
        }
    }

    /// Reads what another process may have published since this one attached.
    pub(crate) fn reload(&mut self) {
        let publication = self.publication.as_ref().filter(|_| self.plan.values.has_captures());
        let manifest = publication.and_then(|it| ServerManifest::reload(&it.path));
        if let Some(ServerManifest { endpoint, captured, .. }) = manifest {
            self.endpoint = endpoint;
            self.plan.values.set_captured(captured);
        }
    }

    fn manifest(&self, key: &str) -> ServerManifest {
        let LaunchPlan { values, files, .. } = &self.plan;
        ServerManifest {
            key: key.to_owned(),
            supervisor: self.client.info(),
            ports: values.ports().clone(),
            dir: values.dir().map(Path::to_owned),
            endpoint: self.endpoint.clone(),
            captured: values.captured(),
            files: files.clone(),
        }
    }

    /// Lets other processes use the server, as long as the runner lives.
    pub(crate) fn share(
        &mut self,
        listener: &UnixListener,
        runner: i32,
        started: u64,
    ) -> Result<()> {
        let shared = self.client.share(listener, runner, started);
        shared.map_err(|e| Error::os("the supervisor is gone", e))?;
        self.plan.disarm();
        Ok(())
    }

    /// Asks the supervisor for a lease and waits for it. Returns false if the server has ended.
    pub(crate) fn lease(&self, test: u64, exclusive: bool, timeout: Duration) -> Result<bool> {
        if self.client.request(Request::Lease { test, exclusive }).is_err() {
            return Ok(false);
        }
        let mut progress = Progress::new(Instant::now(), timeout);
        loop {
            let Some(state) = self.next_hand_over(timeout, &mut progress) else {
                return Err(self.busy(timeout));
            };
            match state.lease {
                LeaseStatus::Granted(users) if state.is_running() => {
                    events::leased(&self.plan.name, users, exclusive);
                    return Ok(true);
                }
                LeaseStatus::SelfDeadlock => return Err(Error::lease_deadlock(&self.plan.name)),
                LeaseStatus::Granted(_) | LeaseStatus::Revoked => return Ok(false),
                LeaseStatus::Queued if state.is_disconnected => return Ok(false),
                // A lease changed hands. The time limit is for one holder, so it begins again.
                LeaseStatus::Queued => {}
            }
        }
    }

    /// Waits until the request is answered, or until another lease was granted or returned.
    fn next_hand_over(&self, timeout: Duration, progress: &mut Progress) -> Option<State> {
        let before = self.state().hand_overs;
        let deadline = sys::deadline_after(timeout);
        let answered =
            |state: &State| state.lease != LeaseStatus::Queued || state.hand_overs != before;
        let waits_for = || format!("a lease of {}, held by {}", self.plan.name, self.holder());
        loop {
            let step = deadline.min(Instant::now() + PROGRESS_STEP);
            if let Some(state) = self.client.wait(step, answered) {
                return Some(state);
            }
            if Instant::now() >= deadline {
                return None;
            }
            progress.tick(&waits_for, "");
        }
    }

    /// Returns the number of leases, unless the supervisor is gone.
    pub(crate) fn count_leases(&self) -> Option<usize> {
        self.client.request(Request::Count).ok()?;
        let deadline = Instant::now() + STOP_GRACE;
        self.client.wait(deadline, |state| state.lease_count.is_some())?.lease_count
    }

    fn busy(&self, timeout: Duration) -> Error {
        Error::lease_timeout(&self.plan.name, timeout, &self.holder())
    }

    /// Describes a process that holds a lease, for a message.
    fn holder(&self) -> String {
        if self.state().lease_count.is_none() {
            let _ = self.count_leases(); // The answer names a holder, too.
        }
        let holder = self.state().holder_pid;
        let test = sys::variable_of(holder, "NEXTEST_TEST_NAME");
        let who = test.or_else(|| sys::command_line(holder)).unwrap_or_default();
        format!("pid {holder} (`{who}`)")
    }

    /// Begins a lease of the test on the calling thread.
    pub(crate) fn begin_lease(&self) -> LeaseMark {
        // To another process, the supervisor has granted the lease after the output until then.
        if self.client.is_starter {
            self.client.sync_log();
        }
        self.client.count_lease();
        self.plan.files.begin_lease()
    }

    /// Called when a lease ends. If the test panics, prints what the server wrote during the lease.
    pub(crate) fn end_lease(&self) {
        if std::thread::panicking() {
            self.print_report();
        }
    }
}
