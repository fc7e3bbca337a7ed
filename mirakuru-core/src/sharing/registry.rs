//! The shared processes that this test process knows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::exclusive_lease::ExclusiveLease;
use super::in_process::InProcess;
use super::lease::{Asked, Held, Lease};
use super::request::Request;
use super::session::Session;
use crate::diagnostics::settings;
use crate::diagnostics::time_limit::multiplied;
use crate::error::{Error, Result};
use crate::executor::{Executor, Need};
use crate::process::{NeedLease, Process};
use crate::supervisor::Access;
use crate::types::Scope;

/// All entries, by key.
static ENTRIES: Mutex<BTreeMap<String, Arc<Entry>>> = Mutex::new(BTreeMap::new());

/// A shared process, running or not.
pub(super) struct Entry {
    key: String,
    executor: Executor,
    scope: Scope,
    /// Where the test processes of one session share it, if they do.
    session: Option<Session>,
    in_process: Arc<InProcess>,
}

/// Returns the entry of an executor. Executors that say the same have the same entry.
pub(super) fn entry(executor: Executor, scope: Option<Scope>) -> Result<Arc<Entry>> {
    let executor = executor.or_external()?.resolved()?;
    let scope = scope.or(executor.spec().scope).unwrap_or_default();
    let key = key(&executor, scope)?;
    let mut entries = ENTRIES.lock();
    if let Some(entry) = entries.get(&key) {
        return Ok(Arc::clone(entry));
    }
    let session = Session::of(scope, &key)?;
    let in_process = Arc::new(InProcess::new(executor.clone()));
    let entry = Arc::new(Entry { key: key.clone(), session, scope, executor, in_process });
    entries.insert(key, Arc::clone(&entry));
    Ok(entry)
}

/// Returns the text that identifies a shared process.
fn key(executor: &Executor, scope: Scope) -> Result<String> {
    let key = executor.key()?;
    if scope == Scope::Session {
        let name = executor.spec().display_name();
        executor.all_needs().iter().try_for_each(|need| check_scope(&name, need))?;
    }
    Ok(format!("{scope:?} {key}"))
}

/// Fails if other test binaries would not find what the process of a session needs.
fn check_scope(name: &str, need: &Need) -> Result<()> {
    if need.sharing().scope()? == Scope::Session {
        return Ok(());
    }
    let what = format!("{name} has the scope `session`, and needs a process of the scope `binary`");
    Err(Error::invalid(what).with_help("give both the scope `session`"))
}

impl Entry {
    /// Returns what tells the process from others.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn executor(&self) -> &Executor {
        &self.executor
    }

    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns true if the next lease starts the process.
    pub(super) fn has_to_start(&self) -> bool {
        match &self.session {
            Some(session) => session.has_to_start(),
            None => self.in_process.has_to_start(),
        }
    }

    pub(super) fn lease_count(&self) -> usize {
        match &self.session {
            Some(session) => session.lease_count(&self.executor),
            None => self.in_process.lease_count(),
        }
    }

    pub(super) fn lease(&self) -> Result<Lease> {
        let asked = Asked { at: Instant::now(), exclusively: false };
        let request = self.request()?;
        let held = match &self.session {
            Some(session) => {
                Held::remote(self.join(session, Access::Shared, &request)?, &request.needs, asked)
            }
            None => Held::local(self.in_process.lease(&request)?, &request.needs, asked),
        };
        Ok(Lease(held))
    }

    pub(super) fn exclusive(&self) -> Result<ExclusiveLease> {
        let asked = Asked { at: Instant::now(), exclusively: true };
        let request = self.request()?;
        let held = match &self.session {
            Some(session) => Held::remote(
                self.join(session, Access::Exclusive, &request)?,
                &request.needs,
                asked,
            ),
            None => Held::local(self.in_process.exclusive(&request)?, &request.needs, asked),
        };
        Ok(ExclusiveLease::new(held))
    }

    /// Leases the process for another one, which the calling test uses and which needs this one.
    pub(super) fn need(&self) -> Result<NeedLease> {
        let request =
            Request { needs: self.executor.lease_direct_needs()?, timeout: lease_timeout()? };
        let further = request.needs.views();
        let Some(session) = &self.session else { return self.in_process.need(&request) };
        let process = self.join(session, Access::Need, &request)?;
        let mark = process.server().begin_lease();
        let server = process.server();
        let (needed, views) = (server.needed(), server.views(further));
        Ok(NeedLease { needed, views, _hold: Box::new((mark, process)) })
    }

    fn request(&self) -> Result<Request> {
        Ok(Request { needs: self.executor.lease_needs()?, timeout: lease_timeout()? })
    }

    fn join(&self, session: &Session, access: Access, request: &Request) -> Result<Process> {
        let process = session.lease(&self.executor, access, request)?;
        Ok(process.needing(request.needs.clone()))
    }
}

fn lease_timeout() -> Result<Duration> {
    settings::get().map(|settings| multiplied(settings.lease_timeout))
}
