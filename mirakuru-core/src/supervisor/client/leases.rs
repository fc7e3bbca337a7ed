//! The leases of a server, and the servers that it needs.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::client::Client;
use super::state::State;
use crate::supervisor::protocol::Request;

impl Client {
    /// Asks the supervisor for the leases. Returns none if it does not answer by then.
    pub(crate) fn leases(
        &self,
        deadline: Instant,
        or_until: impl Fn(&State) -> bool,
    ) -> Option<State> {
        let before = self.state().counts;
        self.request(Request::Count).ok()?;
        let until = |state: &State| state.counts != before || or_until(state);
        self.wait(deadline, until)
    }

    /// Lets the two supervisors know of each other: that of a server, which takes `limit` to stop, and
    /// that of one which it needs.
    pub(crate) fn need(&self, needed: &Self, limit: Duration) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        let millis = limit.as_millis() as u64;
        needed.send(Request::NeededBy(millis), &[theirs.as_fd()])?;
        self.send(Request::Need, &[ours.as_fd()])
    }
}
