//! Stops every supervisor when the test process exits.

use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::launcher;
use crate::diagnostics::{events, timeline, used_servers};
use crate::sys;

/// Something that has to be stopped before this process has ended.
pub(super) trait StopAtExit: Send + Sync {
    /// Begins the stop, and does not wait for its end.
    fn release(&self);

    /// Waits for the end of the stop.
    fn finish(&self);
}

/// The time that a supervisor may take to end, in addition to the stop timeout.
pub(super) const GRACE: Duration = Duration::from_secs(10);

static REGISTERED: Mutex<Registered> =
    Mutex::new(Registered { clients: Vec::new(), pending: 0, is_exiting: false });
/// Supervisors that have only to exit, and the process that has stopped their servers. A fork of it does not
/// wait for them.
static EXITING: Mutex<Vec<(u32, Arc<sys::Process>)>> = Mutex::new(Vec::new());
/// What follows when everything was stopped.
static AFTER_STOPS: OnceLock<fn()> = OnceLock::new();
static COMPLETED: Condvar = Condvar::new();

/// The time that the exit waits for the lock, and for registrations that are being completed.
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

struct Registered {
    clients: Vec<Weak<dyn StopAtExit>>,
    /// The registrations that have begun and are not complete.
    pending: usize,
    is_exiting: bool,
}

/// A registration that has begun. The exit of the process waits until it is complete or dropped, so
/// that no supervisor is started unnoticed.
pub(super) struct Registration;

impl Registration {
    /// Begins a registration.
    ///
    /// # Errors
    ///
    /// The process is exiting.
    pub(super) fn begin() -> io::Result<Self> {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| {
            timeline::register();
            sys::at_exit(stop_all);
        });
        let mut registered = REGISTERED.lock();
        if registered.is_exiting {
            return Err(io::Error::other("this process is exiting"));
        }
        registered.pending += 1;
        Ok(Self)
    }

    pub(super) fn complete(self, client: Weak<dyn StopAtExit>) {
        let mut registered = REGISTERED.lock();
        registered.clients.retain(|client| client.strong_count() > 0);
        registered.clients.push(client);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        REGISTERED.lock().pending -= 1;
        COMPLETED.notify_all();
    }
}

/// Calls a function at the exit of this process when everything was stopped.
pub(crate) fn call_after_stops(function: fn()) {
    let _ = AFTER_STOPS.set(function); // The only one sets it once.
}

/// Has the exit of this process wait for the exit of a supervisor, if it has a descriptor of that.
pub(super) fn wait_at_exit(supervisor: &Arc<sys::Process>) {
    if supervisor.as_fd().is_none() {
        return; // Process 1 may take long to reap it.
    }
    if let Some(mut exiting) = EXITING.try_lock_for(EXIT_TIMEOUT) {
        exiting.retain(|(_, process)| process.is_alive());
        exiting.push((std::process::id(), Arc::clone(supervisor)));
    }
}

extern "C" fn stop_all() {
    // A signal handler that calls `exit` may have interrupted the thread that holds the lock.
    let Some(mut registered) = REGISTERED.try_lock_for(EXIT_TIMEOUT) else { return };
    registered.is_exiting = true;
    let deadline = Instant::now() + EXIT_TIMEOUT;
    while registered.pending > 0 && !COMPLETED.wait_until(&mut registered, deadline).timed_out() {}
    let clients: Vec<_> = registered.clients.iter().filter_map(Weak::upgrade).collect();
    drop(registered);
    events::exiting();
    // All stops begin before the first is waited for. Unwinding out of a C function would abort the
    // process, and the other stops have to go on.
    for client in &clients {
        caught(|| client.release());
    }
    // What needs another one was started after it, and stops before it.
    for client in clients.iter().rev() {
        caught(|| client.finish());
    }
    caught(wait_for_exits);
    caught(launcher::close);
    caught(used_servers::report_unused);
    caught(|| AFTER_STOPS.get().into_iter().for_each(|call| call()));
}

fn wait_for_exits() {
    let exiting = EXITING.try_lock_for(EXIT_TIMEOUT).map(|mut exiting| mem::take(&mut *exiting));
    let (own, deadline) = (std::process::id(), Instant::now() + GRACE);
    for (_, process) in exiting.into_iter().flatten().filter(|(owner, _)| *owner == own) {
        process.wait(deadline);
    }
}

fn caught(step: impl FnOnce()) {
    let _ = panic::catch_unwind(AssertUnwindSafe(step)); // It was printed.
}
