//! What has to end before this process does.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Client;
use crate::diagnostics::events;
use crate::sys;

static LIVE: Mutex<Live> = Mutex::new(Live { clients: Vec::new(), starting: 0, is_exiting: false });
static STARTED: Condvar = Condvar::new();

struct Live {
    clients: Vec<Weak<Client>>,
    /// How many are about to be added.
    starting: usize,
    /// Whether none is started any more.
    is_exiting: bool,
}

/// A client that is about to be added to those that live.
pub(super) struct Starting;

impl Starting {
    pub(super) fn begin() -> io::Result<Self> {
        static REGISTER: Once = Once::new();
        REGISTER.call_once(|| sys::at_exit(stop_all));
        let mut live = LIVE.lock();
        if live.is_exiting {
            return Err(io::Error::other("this process is exiting"));
        }
        live.starting += 1;
        Ok(Self)
    }

    pub(super) fn add(self, client: &Arc<Client>) {
        let mut live = LIVE.lock();
        live.clients.retain(|client| client.strong_count() > 0);
        live.clients.push(Arc::downgrade(client));
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        LIVE.lock().starting -= 1;
        STARTED.notify_all();
    }
}

extern "C" fn stop_all() {
    // A signal handler that exits may have interrupted the holder of the lock.
    let Some(mut live) = LIVE.try_lock_for(Duration::from_secs(1)) else { return };
    live.is_exiting = true;
    let deadline = Instant::now() + Duration::from_secs(1);
    while live.starting > 0 && !STARTED.wait_until(&mut live, deadline).timed_out() {}
    let clients: Vec<_> = live.clients.iter().filter_map(Weak::upgrade).collect();
    drop(live);
    events::exiting();
    // Nothing may unwind from here, and one failure must not keep the others from their end.
    for end in [Client::release, Client::finish] {
        for client in &clients {
            let _ = panic::catch_unwind(AssertUnwindSafe(|| end(client))); // It was printed.
        }
    }
}
