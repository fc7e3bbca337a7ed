//! Sharing a server with other processes, and the leases of it.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::manifest::ServerManifest;
use super::{Publication, Server};
use crate::diagnostics::progress::Progress;
use crate::diagnostics::time_limit::{Limit, TimeLimit};
use crate::diagnostics::{events, port_owner};
use crate::error::{Error, Result};
use crate::launch::plan::LaunchPlan;
use crate::output::LeaseMark;
use crate::supervisor::{Access, LeaseStatus, Request, State};
use crate::sys;

/// A request that is not granted within this time waits for another test.
const QUEUED_AFTER: Duration = Duration::from_millis(10);

/// The time in which a supervisor answers, unless it is stopped or has too many descriptors.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// The interval at which a waiting test asks who holds the lease, and reports progress.
const STEP: Duration = Duration::from_secs(1);

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
            program: self.plan.program.clone(),
            bins: values.bins().clone(),
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
        directory: BorrowedFd<'_>,
        runner: i32,
        started: u64,
    ) -> Result<()> {
        let shared = self.client.share(listener, directory, runner, started);
        shared.map_err(|e| Error::os("the supervisor is gone", e))?;
        self.hand_over_stdin();
        self.plan.disarm();
        Ok(())
    }

    /// Leaves the writing end of the standard input to the supervisor: the server outlives this process.
    pub(super) fn hand_over_stdin(&mut self) {
        if let Some(stdin) = self.stdin.take() {
            let _ = self.client.keep_stdin(&stdin); // It fails only if the server has just ended.
        }
    }

    /// Takes the writing end of the standard input.
    pub(crate) fn take_stdin(&mut self) -> Option<File> {
        let stdin = self.stdin.take();
        match self.publication {
            Some(_) => stdin.or_else(|| self.client.take_stdin().map(File::from)),
            None => stdin,
        }
    }

    /// Asks the supervisor for a lease and waits for it. Returns false if the server has ended.
    pub(crate) fn lease(&self, test: u64, access: Access, timeout: Duration) -> Result<bool> {
        if self.client.request(Request::Lease { test, access }).is_err() {
            return Ok(false);
        }
        let deadline = sys::deadline_after(QUEUED_AFTER.min(timeout));
        let state = match self.client.wait(deadline, is_answered) {
            Some(state) => state,
            None => self.wait_in_queue(timeout)?,
        };
        match state.lease {
            LeaseStatus::Granted(users) if state.is_running() => {
                if access != Access::Need {
                    events::leased(&self.plan.name, users, access == Access::Exclusive);
                }
                Ok(true)
            }
            LeaseStatus::SelfDeadlock => Err(Error::lease_deadlock(&self.plan.name)),
            LeaseStatus::Overdue => {
                Err(Error::lease_overdue(&self.plan.name, Limit(timeout), &holder(&state)))
            }
            LeaseStatus::Granted(_) | LeaseStatus::Revoked | LeaseStatus::Queued => Ok(false),
        }
    }

    /// Waits until a request is answered that other leases hold up. The time limit is for one holder,
    /// so it begins again when a lease changes hands.
    fn wait_in_queue(&self, timeout: Duration) -> Result<State> {
        let mut progress = Progress::new(Instant::now(), timeout);
        let mut limit = TimeLimit::new(timeout);
        let ask = |end| self.client.leases(end, is_answered).unwrap_or_else(|| self.state());
        let mut seen = limit.sleep(ANSWER_TIMEOUT, ask);
        loop {
            let is_over = limit.is_over();
            let state = if is_over { ask(Instant::now() + ANSWER_TIMEOUT) } else { self.state() };
            if is_answered(&state) || state.is_disconnected {
                return Ok(state);
            }
            if state.hand_overs != seen.hand_overs {
                limit.restart(Instant::now());
            } else if is_over {
                let _ = self.client.request(Request::GiveUp); // The supervisor may have ended.
                return Err(self.lease_timeout(timeout, &state));
            }
            seen = state;
            let waits_for = || format!("a lease of {}, held by {}", self.plan.name, holder(&state));
            progress.tick(&waits_for, "");
            let _ = self.client.request(Request::Count); // The answer is looked at after the sleep.
            limit.sleep(STEP, |end| self.client.wait(end, is_answered));
        }
    }

    fn lease_timeout(&self, timeout: Duration, state: &State) -> Error {
        let (name, timeout) = (&self.plan.name, Limit(timeout));
        if state.counts > 0 {
            return Error::lease_timeout(name, timeout, &holder(state));
        }
        let fd_limit = sys::exhausted_fd_limit(self.client.info().pid);
        Error::lease_unanswered(name, timeout, fd_limit)
    }

    /// Begins a lease of the test on the calling thread.
    pub(crate) fn begin_lease(&self) -> LeaseMark {
        // To another process, the supervisor has granted the lease after the output until then.
        if self.client.is_starter {
            self.client.sync_log();
        }
        self.client.count_lease();
        self.open_logs.begin_lease(&self.plan.files)
    }

    /// Says whether the server cannot be used after this exclusive lease.
    pub(crate) fn mark_dirty(&self, is_dirty: bool) {
        let _ = self.client.request(Request::Dirty(is_dirty)); // The server may have ended.
    }
}

fn is_answered(state: &State) -> bool {
    state.lease != LeaseStatus::Queued
}

/// Describes a process that holds a lease, for a message.
fn holder(state: &State) -> String {
    let pid = state.holder_pid;
    if pid <= 0 {
        // A lease is changing hands, or its holder is in another PID namespace.
        return "another test".to_owned();
    }
    let test = sys::variable_of(pid, "NEXTEST_TEST_NAME").or_else(|| port_owner::command(pid));
    test.map_or_else(|| format!("pid {pid}"), |test| format!("pid {pid} (`{test}`)"))
}
