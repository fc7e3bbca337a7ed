//! The shared processes of this process, and who uses them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use parking_lot::lock_api::{ArcRwLockReadGuard, ArcRwLockWriteGuard};
use parking_lot::{Mutex, RawRwLock, RwLock};

use super::session::{LEASE_TIMEOUT, Session};
use super::{ExclusiveLease, Held, Lease};
use crate::diagnostics::events;
use crate::diagnostics::progress;
use crate::error::{Error, Result};
use crate::executor::Executor;
use crate::process::Process;
use crate::types::Scope;

/// By what the definitions say.
static ENTRIES: Mutex<BTreeMap<String, Arc<Entry>>> = Mutex::new(BTreeMap::new());

pub(super) type ReadGuard = ArcRwLockReadGuard<RawRwLock, Slot>;
pub(super) type WriteGuard = ArcRwLockWriteGuard<RawRwLock, Slot>;

/// A process that is shared, whether it runs or not.
pub(super) struct Entry {
    executor: Executor,
    /// Where other processes share it, if they do. If not, all that follows is for this process.
    session: Result<Option<Session>>,
    slot: Arc<RwLock<Slot>>,
    users: Mutex<Vec<User>>,
    /// Of many that wait, only the one who holds it tells.
    teller: Mutex<()>,
}

/// What has become of the process.
pub(super) enum Slot {
    NotStarted,
    Started(Box<Process>),
    /// It does not start, and is not tried again.
    Failed(Error),
}

/// Who has a lease.
#[derive(Clone)]
struct User {
    thread: ThreadId,
    /// The test's name, which libtest gives to its thread.
    test: String,
    exclusive: bool,
}

/// The entry of a definition; the same for all that say the same.
pub(super) fn entry(executor: Executor, scope: Option<Scope>) -> Result<Arc<Entry>> {
    let scope = scope.or(executor.spec().scope).unwrap_or_default();
    let key = key(&executor, scope)?;
    let mut entries = ENTRIES.lock();
    let entry = entries.entry(key.clone()).or_insert_with(|| {
        Arc::new(Entry {
            session: Session::of(scope, &key),
            executor,
            slot: Arc::new(RwLock::new(Slot::NotStarted)),
            users: Mutex::default(),
            teller: Mutex::default(),
        })
    });
    Ok(Arc::clone(entry))
}

/// What tells one shared process from others.
pub(super) fn key(executor: &Executor, scope: Scope) -> Result<String> {
    executor.spec().key().map(|key| format!("{scope:?} {key}"))
}

impl Slot {
    pub(super) fn process(&self) -> Option<&Process> {
        match self {
            Self::Started(process) => Some(process),
            Self::NotStarted | Self::Failed(_) => None,
        }
    }

    pub(super) fn process_mut(&mut self) -> Option<&mut Process> {
        match self {
            Self::Started(process) => Some(process),
            Self::NotStarted | Self::Failed(_) => None,
        }
    }

    fn is_running(&self) -> bool {
        self.process().is_some_and(Process::is_running)
    }
}

impl Entry {
    pub(super) fn lease_count(&self) -> usize {
        match &self.session {
            Ok(Some(session)) => session.lease_count(&self.executor),
            _ => self.users.lock().len(),
        }
    }

    pub(super) fn lease(self: &Arc<Self>) -> Result<Lease> {
        if let Some(session) = self.session.as_ref().map_err(Error::clone)? {
            return session
                .lease(&self.executor, false)
                .map(|process| Lease(Held::remote(process)));
        }
        let own = self.own_lease();
        if own.as_ref().is_some_and(|own| own.exclusive) {
            return Err(Error::lease_deadlock(&self.name()));
        }
        // A test that has a lease gets another even while somebody waits for an exclusive one:
        // to wait for him would be to wait for itself.
        let guard = if own.is_some() {
            self.patiently(|patience| self.slot.try_read_arc_recursive_for(patience))?
        } else {
            self.patiently(|patience| self.slot.try_read_arc_for(patience))?
        };
        if guard.is_running() || own.is_some() {
            return Ok(Lease(Held::local(guard, self.stay(false))));
        }
        if let Slot::Failed(error) = &*guard {
            return Err(error.clone());
        }
        drop(guard);
        let guard = self.started()?;
        Ok(Lease(Held::local(ArcRwLockWriteGuard::downgrade(guard), self.stay(false))))
    }

    pub(super) fn exclusive(self: &Arc<Self>) -> Result<ExclusiveLease> {
        if let Some(session) = self.session.as_ref().map_err(Error::clone)? {
            return session
                .lease(&self.executor, true)
                .map(|process| ExclusiveLease(Held::remote(process)));
        }
        if self.own_lease().is_some() {
            return Err(Error::lease_deadlock(&self.name()));
        }
        let guard = self.started()?;
        Ok(ExclusiveLease(Held::local(guard, self.stay(true))))
    }

    /// The process, for the caller alone, started if it does not run.
    fn started(&self) -> Result<WriteGuard> {
        let mut guard = self.patiently(|patience| self.slot.try_write_arc_for(patience))?;
        if let Slot::Failed(error) = &*guard {
            return Err(error.clone());
        }
        if !guard.is_running() {
            // What died is cleared away first, so that its addresses are free again.
            *guard = Slot::NotStarted;
            *guard = match self.executor.start() {
                Ok(process) => Slot::Started(Box::new(process)),
                Err(error) => {
                    *guard = Slot::Failed(error.clone());
                    return Err(error);
                }
            };
        }
        Ok(guard)
    }

    /// Waits for the lock, and lets it be known if that takes long.
    fn patiently<G>(&self, lock: impl Fn(Duration) -> Option<G>) -> Result<G> {
        if let Some(guard) = lock(Duration::ZERO) {
            return Ok(guard);
        }
        let mut teller = None;
        let what = || {
            teller = teller.take().or_else(|| self.teller.try_lock());
            let tests: Vec<_> = self.users.lock().iter().map(|user| user.test.clone()).collect();
            // Whoever starts the process tells that himself.
            let is_told = teller.is_some() && !tests.is_empty();
            is_told.then(|| format!("a lease of {}, held by {}", self.name(), tests.join(", ")))
        };
        // In one piece: whoever asks for the lock anew has lost his place.
        progress::during(*LEASE_TIMEOUT, what, || self.while_users_change(lock))
    }

    /// Waits for the lock as long as the tests that hold it keep changing.
    fn while_users_change<G>(&self, lock: impl Fn(Duration) -> Option<G>) -> Result<G> {
        loop {
            let before = self.users.lock().clone();
            if let Some(guard) = lock(*LEASE_TIMEOUT) {
                return Ok(guard);
            }
            let after = self.users.lock().clone();
            let stayed = |user: &&User| before.iter().any(|before| before.thread == user.thread);
            let stayed: Vec<_> =
                after.iter().filter(stayed).map(|user| user.test.as_str()).collect();
            if !stayed.is_empty() {
                return Err(Error::lease_timeout(&self.name(), *LEASE_TIMEOUT, &stayed.join(", ")));
            }
        }
    }

    fn own_lease(&self) -> Option<User> {
        let own = thread::current().id();
        self.users.lock().iter().find(|user| user.thread == own).cloned()
    }

    fn stay(self: &Arc<Self>, exclusive: bool) -> Stay {
        let thread = thread::current();
        let test = thread.name().unwrap_or("a thread without a name").to_owned();
        let user = User { thread: thread.id(), test, exclusive };
        let stay = Stay { entry: Arc::clone(self), thread: user.thread };
        let mut users = self.users.lock();
        users.push(user);
        events::leased(&self.name(), users.len(), exclusive);
        stay
    }

    fn name(&self) -> String {
        self.executor.spec().display_name()
    }
}

/// A place in the list of users.
pub(super) struct Stay {
    entry: Arc<Entry>,
    thread: ThreadId,
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut users = self.entry.users.lock();
        if let Some(at) = users.iter().position(|user| user.thread == self.thread) {
            users.swap_remove(at);
        }
    }
}
