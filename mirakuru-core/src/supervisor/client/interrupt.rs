//! Ending a process from another thread, also while it starts.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Client;
use crate::supervisor::protocol::Request;

/// Ends a process that another thread starts or stops.
#[derive(Debug, Default)]
pub(crate) struct Interrupt(Mutex<Interrupted>);

#[derive(Debug, Default)]
struct Interrupted {
    client: Weak<Client>,
    request: Option<Request>,
}

impl Interrupt {
    /// Notes the supervisor that starts the process.
    pub(crate) fn launched(&self, client: &Arc<Client>) {
        self.0.lock().client = Arc::downgrade(client);
    }

    /// Has a program that runs now end, if that was requested before.
    pub(crate) fn on_start(&self) {
        self.0.lock().send();
    }

    /// Requests the end of the process. A start that is under way fails.
    pub(crate) fn end(&self, request: Request) {
        let mut interrupted = self.0.lock();
        interrupted.request = Some(request);
        interrupted.send();
    }
}

impl Interrupted {
    fn send(&self) {
        if let (Some(request), Some(client)) = (self.request, self.client.upgrade()) {
            let _ = client.request(request); // It fails only if the supervisor is gone.
        }
    }
}
