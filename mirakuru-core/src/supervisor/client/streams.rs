//! The standard streams of a server, as its supervisor handles them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::client::Client;
use crate::supervisor::protocol::Request;
use crate::sys;

/// The time limit for output to be moved into the log.
const SYNC_TIMEOUT: Duration = Duration::from_secs(1);

impl Client {
    /// Waits until what the server has written before is in its log. A supervisor that does not answer
    /// is not waited for any longer than a second.
    pub(crate) fn sync_log(&self) {
        let is_logged = |pipe: &OwnedFd| sys::queued_bytes(pipe) == Some(0);
        let pipes = self.output_pipes.lock();
        if !pipes.is_empty() && pipes.iter().all(is_logged) {
            return;
        }
        drop(pipes);
        self.sync();
    }

    /// Waits until the supervisor has served all requests so far, but not longer than a second.
    fn sync(&self) {
        let number = self.syncs.fetch_add(1, Ordering::Relaxed) + 1;
        // When the server has ended, everything is in its log.
        if self.state().is_running() && self.request(Request::Sync(number)).is_ok() {
            let deadline = Instant::now() + SYNC_TIMEOUT;
            self.wait(deadline, |state| state.synced >= number || !state.is_running());
        }
    }

    /// Has the supervisor of a shared server keep the writing end of its standard input.
    pub(crate) fn keep_stdin(&self, stdin: &impl AsFd) -> io::Result<()> {
        self.send(Request::KeepStdin, &[stdin.as_fd()])
    }

    /// Takes the writing end of the standard input that the supervisor keeps.
    pub(crate) fn take_stdin(&self) -> Option<OwnedFd> {
        self.request(Request::TakeStdin).ok()?;
        self.sync();
        self.stdin.lock().take()
    }
}
