//! The data of a server, and what can be asked of it at any time.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::needed::Needed;
use super::stop_later;
use crate::diagnostics::timeline::Track;
use crate::error::{Error, ErrorKind, Result};
use crate::launch::plan::LaunchPlan;
use crate::output::{Log, OpenLogs};
use crate::readiness::Endpoint;
use crate::resources::placeholders::OtherValues;
use crate::supervisor::{Client, InheritedFds, Request, State};

/// A server, running or not.
pub(crate) struct Server {
    // Dropped before the plan, because the supervisor removes the plan's directory.
    pub(super) client: Arc<Client>,
    pub(crate) plan: LaunchPlan,
    /// The address and URL that answered when the server became ready.
    pub(crate) endpoint: Endpoint,
    pub(crate) stdin: Option<File>,
    /// Set once other processes may attach to the server.
    pub(super) publication: Option<Publication>,
    /// The servers that this one needs.
    pub(super) needed: Vec<Needed>,
    /// Its directory has what is in its template.
    pub(super) is_filled: bool,
    /// The commands after the start have run.
    pub(super) is_set_up: bool,
    /// Dropping the server does not wait for its end.
    pub(crate) stops_later: Arc<AtomicBool>,
    pub(super) open_logs: OpenLogs,
    /// Kept for the next supervisor, in case this one is killed.
    pub(super) inherited_fds: InheritedFds,
}

/// The path of a server's manifest, and the identity of the executor that it is for.
pub(crate) struct Publication {
    pub(crate) path: PathBuf,
    pub(crate) key: String,
}

impl Server {
    pub(crate) fn state(&self) -> State {
        self.client.state()
    }

    /// Waits until no process of the server is left.
    pub(crate) fn wait(&self, deadline: Instant) -> Option<State> {
        self.client.wait(deadline, |state| !state.is_running())
    }

    /// Fails if the server was not started here: something cannot be done with it then.
    pub(crate) fn check_own(&self, what: &str) -> Result<()> {
        let external = self.plan.external.as_ref();
        external.map_or(Ok(()), |external| Err(external.refuse(&self.plan.name, what)))
    }

    /// Sends the supervisor a request that only a running server can serve.
    pub(crate) fn request(&self, request: Request) -> Result<()> {
        self.check_own("cannot be stopped, paused or signalled")?;
        if !self.state().is_running() {
            return Err(self.failed(ErrorKind::Exited, "has ended"));
        }
        if matches!(request, Request::Signal(_) | Request::Pause | Request::Resume) {
            self.check_permission()?;
        }
        self.client.request(request).map_err(|e| Error::os("the supervisor is gone", e))
    }

    /// Returns what texts of other processes may name of this one.
    pub(crate) fn for_others(&self) -> OtherValues {
        let Endpoint { addr, url } = &self.endpoint;
        let addr = addr.map(|addr| ("addr", Some(addr.to_string())));
        let url = url.clone().map(|url| ("url", Some(url)));
        self.plan.values.for_others(addr.into_iter().chain(url).collect())
    }

    /// Returns the server in the page of the run, if one is wanted.
    pub(crate) fn track(&self) -> Option<Track> {
        Track::of(self.client.info().pid, &self.plan.name, || self.plan.files.of(None))
    }

    pub(crate) fn client(&self) -> Arc<Client> {
        Arc::clone(&self.client)
    }

    pub(crate) fn log(&self) -> Log {
        Log::new(&self.plan.files, Arc::downgrade(&self.client))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.client.is_kept() {
            self.hand_over_stdin();
            self.plan.disarm();
            return self.client.close();
        }
        // Some programs wait for the end of file on their standard input.
        self.stdin = None;
        if self.stops_later.load(Ordering::Relaxed) {
            self.plan.disarm();
            return stop_later::stop_later(self.client());
        }
        // Explicit, because a thread that reads the log may keep the client alive.
        self.client.close();
    }
}
