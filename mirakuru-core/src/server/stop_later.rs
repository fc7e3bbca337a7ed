//! Stops on a thread of their own: the next test need not wait for the servers of the last one.
//!
//! And a server that a test of an async runtime drops may wait for the tasks of that runtime to hang up,
//! which they do when the thread of the test goes on.

use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use crate::supervisor::Client;

/// The number of servers that are stopped at the same time. Those of a suite whose servers take longer to
/// stop than its tests take would be too many.
const MOST: usize = 32;

/// The number of stops that have not ended.
static PENDING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// Begins to stop a server. The exit of this process waits for its end.
pub(super) fn stop_later(client: Arc<Client>) {
    client.begin_close();
    if *PENDING.lock() >= MOST {
        return client.close();
    }
    let pending = Pending::begin();
    let stop = move || {
        client.close();
        drop(pending);
    };
    // If there is no thread, the client is dropped here, which stops the server.
    let _ = thread::Builder::new().name("mirakuru-stop".to_owned()).spawn(stop);
}

/// Waits for the end of all stops that have begun. Returns false if there was none.
pub(super) fn finish_stops() -> bool {
    let mut pending = PENDING.lock();
    let had_some = *pending > 0;
    // Each is limited by the stop timeout of its server.
    ENDED.wait_while(&mut pending, |pending| *pending > 0);
    had_some
}

struct Pending;

impl Pending {
    fn begin() -> Self {
        *PENDING.lock() += 1;
        Self
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        *PENDING.lock() -= 1;
        ENDED.notify_all();
    }
}
