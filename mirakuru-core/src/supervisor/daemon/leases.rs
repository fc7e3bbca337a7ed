//! Requests for leases, which the queue of the session answers.

use super::supervisor::Supervisor;
use crate::supervisor::lease_queue::{Access, Answer, LeaseQueue};
use crate::supervisor::protocol::Event;

impl Supervisor {
    pub(super) fn lease(&mut self, id: u64, test: u64, access: Access) {
        self.leave_if_lost();
        let Some(queue) = self.mode.queue() else { return self.revoke(id) };
        match queue.request(id, test, access) {
            Answer::Granted => self.send_granted(&[id]),
            Answer::SelfDeadlock => self.connections.send(id, Event::SelfDeadlock, &[]),
            Answer::Overdue => {
                self.send_lease_count(id);
                self.connections.send(id, Event::LeaseOverdue, &[]);
            }
            Answer::Queued => {}
        }
    }

    pub(super) fn send_lease_count(&mut self, id: u64) {
        let leases = self.mode.queue().map(|queue| (queue.holders(), queue.hand_overs()));
        let (holders, hand_overs) = leases.unwrap_or_default();
        let leases = holders.len() as i32;
        let holder_pid = self.connections.peer_pid(&holders).unwrap_or_default();
        self.connections.send(id, Event::LeaseCount { leases, holder_pid, hand_overs }, &[]);
    }

    pub(super) fn grant_next(&mut self) {
        let granted = self.mode.queue().map(LeaseQueue::grant_next).unwrap_or_default();
        if !granted.is_empty() {
            self.send_granted(&granted);
        }
    }

    pub(super) fn send_granted(&mut self, ids: &[u64]) {
        // The log of the lease begins after what was written before.
        self.move_output();
        let leases = self.mode.queue().map_or(0, |queue| queue.lease_count() as i32);
        ids.iter().for_each(|id| self.connections.send(*id, Event::Granted(leases), &[]));
    }

    pub(super) fn revoke(&mut self, id: u64) {
        self.connections.send(id, Event::LeaseRevoked, &[]);
        self.connections.close(id);
    }
}
