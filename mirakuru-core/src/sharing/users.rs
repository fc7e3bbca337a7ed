//! The tests of this process that hold a lease of one process or wait for one.

use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Instant;

use parking_lot::Condvar;

use super::current_test;
use crate::supervisor::{Access as QueueAccess, Answer, LeaseQueue};

/// The tests that use one process, in a queue. Each is woken only for what concerns it.
pub(super) struct Users {
    queue: LeaseQueue,
    list: Vec<Arc<User>>,
    last_ticket: u64,
    handed_over: Instant,
}

/// A test that holds a lease or waits for one.
pub(super) struct User {
    ticket: u64,
    thread: Thread,
    access: Access,
    /// Notified when the lease is granted, and when a start ends that the holder of a lease waits for.
    pub(super) woken: Condvar,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Shared,
    Exclusive,
    /// Shared, for a process that needs this one.
    Need,
    /// Exclusive until a dead process is started again, then shared.
    Restart,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            queue: LeaseQueue::default(),
            list: Vec::new(),
            last_ticket: 0,
            handed_over: Instant::now(),
        }
    }
}

impl Users {
    /// Requests a lease for the calling test, and grants it if it is free.
    pub(super) fn request(&mut self, access: Access) -> (Arc<User>, Answer) {
        self.last_ticket += 1;
        let (ticket, thread, woken) = (self.last_ticket, thread::current(), Condvar::new());
        let user = Arc::new(User { ticket, thread, access, woken });
        let queued_as = match access {
            Access::Shared => QueueAccess::Shared,
            Access::Need => QueueAccess::Need,
            Access::Exclusive | Access::Restart => QueueAccess::Exclusive,
        };
        let answer = self.queue.request(ticket, current_test::number(), queued_as);
        if matches!(answer, Answer::Granted | Answer::Queued) {
            self.list.push(Arc::clone(&user));
            self.grant_next();
        }
        (user, answer)
    }

    fn grant_next(&mut self) {
        let granted = self.queue.grant_next();
        if !granted.is_empty() {
            self.handed_over = Instant::now();
            self.wake(&granted);
        }
    }

    fn wake(&self, tickets: &[u64]) {
        for user in self.list.iter().filter(|user| tickets.contains(&user.ticket)) {
            user.woken.notify_one();
        }
    }

    /// Wakes the holders of leases, who wait for the end of a start.
    pub(super) fn start_ended(&mut self) {
        self.handed_over = Instant::now();
        self.wake(&self.queue.holders());
    }

    /// Lets others use a process that this user had exclusively to start it. Those that wait to start
    /// it, too, need it no longer for themselves.
    pub(super) fn end_restart(&mut self, user: &User) {
        self.queue.downgrade(user.ticket);
        let others = self.list.iter().filter(|other| other.access == Access::Restart);
        others.for_each(|other| self.queue.downgrade(other.ticket));
        self.grant_next();
    }

    /// Withdraws a request at its time limit. Later ones do not wait for the same holders.
    pub(super) fn give_up(&mut self, user: &User) {
        self.queue.give_up(user.ticket);
    }

    /// Withdraws a request, or ends a lease.
    pub(super) fn remove(&mut self, user: &User) {
        if self.queue.remove(user.ticket) {
            self.handed_over = Instant::now();
        }
        self.list.retain(|other| other.ticket != user.ticket);
        self.grant_next();
    }

    /// Returns when a lease began or ended last, or a start ended.
    pub(super) fn handed_over(&self) -> Instant {
        self.handed_over
    }

    pub(super) fn is_granted(&self, user: &User) -> bool {
        self.queue.is_granted(user.ticket)
    }

    /// Returns true if the user's request is the first in the queue.
    pub(super) fn is_next(&self, user: &User) -> bool {
        self.queue.is_next(user.ticket)
    }

    pub(super) fn is_only_holder(&self, user: &User) -> bool {
        self.queue.holders() == [user.ticket]
    }

    pub(super) fn lease_count(&self) -> usize {
        self.queue.lease_count()
    }

    /// Names the tests that hold leases.
    pub(super) fn holders(&self) -> String {
        let holders = self.list.iter().filter(|user| self.queue.is_granted(user.ticket));
        holders.map(|user| current_test::name(&user.thread)).collect::<Vec<_>>().join(", ")
    }

    #[cfg(test)]
    pub(super) fn queued(&self) -> Vec<u64> {
        self.queue.queued()
    }
}
