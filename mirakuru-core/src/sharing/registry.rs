//! The shared processes that this test process knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::exclusive_lease::ExclusiveLease;
use super::in_process::InProcess;
use super::lease::{Held, Lease};
use super::session::Session;
use crate::diagnostics::settings;
use crate::diagnostics::time_limit::multiplied;
use crate::error::Result;
use crate::executor::Executor;
use crate::types::Scope;

/// All entries, by key.
static ENTRIES: Mutex<BTreeMap<String, Arc<Entry>>> = Mutex::new(BTreeMap::new());

/// A shared process, running or not.
pub(super) struct Entry {
    executor: Executor,
    /// Where the test processes of one session share it, if they do.
    session: Option<Session>,
    in_process: Arc<InProcess>,
}

/// Returns the entry of an executor. Executors that say the same have the same entry.
pub(super) fn entry(executor: Executor, scope: Option<Scope>) -> Result<Arc<Entry>> {
    let executor = executor.or_external();
    let scope = scope.or(executor.spec().scope).unwrap_or_default();
    let key = key(&executor, scope)?;
    let mut entries = ENTRIES.lock();
    if let Some(entry) = entries.get(&key) {
        return Ok(Arc::clone(entry));
    }
    let session = Session::of(scope, &key)?;
    let in_process = Arc::new(InProcess::new(executor.clone()));
    let entry = Arc::new(Entry { session, executor, in_process });
    entries.insert(key, Arc::clone(&entry));
    Ok(entry)
}

/// Returns the text that identifies a shared process.
pub(super) fn key(executor: &Executor, scope: Scope) -> Result<String> {
    executor.key().map(|key| format!("{scope:?} {key}"))
}

impl Entry {
    pub(super) fn lease_count(&self) -> usize {
        match &self.session {
            Some(session) => session.lease_count(&self.executor),
            None => self.in_process.lease_count(),
        }
    }

    pub(super) fn lease(&self) -> Result<Lease> {
        let timeout = multiplied(settings::get()?.lease_timeout);
        let held = match &self.session {
            Some(session) => Held::remote(session.lease(&self.executor, false, timeout)?),
            None => Held::local(self.in_process.lease(timeout)?),
        };
        Ok(Lease(held))
    }

    pub(super) fn exclusive(&self) -> Result<ExclusiveLease> {
        let timeout = multiplied(settings::get()?.lease_timeout);
        let held = match &self.session {
            Some(session) => Held::remote(session.lease(&self.executor, true, timeout)?),
            None => Held::local(self.in_process.exclusive(timeout)?),
        };
        Ok(ExclusiveLease::new(held))
    }
}
