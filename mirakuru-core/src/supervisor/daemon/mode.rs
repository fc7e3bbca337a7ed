//! The users of the server, and how they change. Without I/O.

use crate::supervisor::lease_queue::LeaseQueue;

/// The users of the server.
pub(super) enum Mode<L> {
    /// The processes that are connected, and no others. The supervisor leaves when none is.
    Private,
    /// Every process that connects, as long as the runner of the tests lives.
    Shared { listener: L, queue: LeaseQueue },
    /// The server is being stopped. The supervisor ends when nothing of it is left.
    Leaving,
}

/// A session that has ended, with what has to be closed and revoked.
pub(super) struct EndedSession<L> {
    pub(super) listener: L,
    /// The connections whose requests were not granted.
    pub(super) queued: Vec<u64>,
}

impl<L> Mode<L> {
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self, Self::Leaving)
    }

    /// Returns the leases of the session, if there is one.
    pub(super) fn queue(&mut self) -> Option<&mut LeaseQueue> {
        match self {
            Self::Shared { queue, .. } => Some(queue),
            Self::Private | Self::Leaving => None,
        }
    }

    /// Begins a session, unless the supervisor is leaving: a server that is being stopped cannot be
    /// shared any more. The listener is dropped then.
    pub(super) fn share(&mut self, listener: L) {
        if !self.is_leaving() {
            *self = Self::Shared { listener, queue: LeaseQueue::default() };
        }
    }

    /// Ends the session, if there is one. The processes that are connected go on to use the server.
    pub(super) fn close_session(&mut self) -> Option<EndedSession<L>> {
        let next = if self.is_leaving() { Self::Leaving } else { Self::Private };
        self.replace(next)
    }

    /// Ends the session, if there is one, and every other use of the server. This is for good.
    pub(super) fn leave(&mut self) -> Option<EndedSession<L>> {
        self.replace(Self::Leaving)
    }

    fn replace(&mut self, next: Self) -> Option<EndedSession<L>> {
        match std::mem::replace(self, next) {
            Self::Shared { listener, queue } => {
                Some(EndedSession { listener, queued: queue.queued() })
            }
            Self::Private | Self::Leaving => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::lease_queue::Access;

    /// A session with a lease of connection 1 and a request of connection 2.
    fn shared() -> Mode<&'static str> {
        let mut mode = Mode::Private;
        mode.share("listener");
        if let Mode::Shared { queue, .. } = &mut mode {
            queue.request(1, 1, Access::Exclusive);
            queue.grant_next();
            queue.request(2, 2, Access::Shared);
        }
        mode
    }

    #[test]
    fn a_private_server_can_be_shared() {
        assert!(matches!(shared(), Mode::Shared { listener: "listener", .. }));
    }

    #[test]
    fn a_session_that_ends_returns_its_listener_and_the_queued_requests() {
        for leaves in [false, true] {
            let mut mode = shared();
            let mut end = || if leaves { mode.leave() } else { mode.close_session() };
            let ended = end().unwrap();
            assert_eq!((ended.listener, ended.queued), ("listener", vec![2]));
            assert!(end().is_none());
        }
    }

    #[test]
    fn a_closed_session_leaves_a_private_server() {
        let mut mode = shared();
        mode.close_session();
        assert!(matches!(mode, Mode::Private));
    }

    #[test]
    fn a_supervisor_that_leaves_does_not_stay_for_anything() {
        let mut mode = shared();
        mode.leave();
        mode.share("another listener");
        assert!(mode.is_leaving());
        mode.close_session();
        assert!(mode.is_leaving());
    }
}
