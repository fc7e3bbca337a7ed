//! Decides who may use a shared server, in the order of the requests. Data only: sharing within one
//! process and the supervisors of servers that are shared by several processes both use it.

use std::collections::VecDeque;

/// How a lease uses a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Beside others.
    Shared,
    /// Alone.
    Exclusive,
    /// Beside others, as long as a test uses a server that needs this one. The same test may have this
    /// one alone.
    Need,
}

impl Access {
    pub(crate) const ALL: [Self; 3] = [Self::Shared, Self::Exclusive, Self::Need];
}

/// The leases of one server, and the requests that wait for one.
#[derive(Debug, Default)]
pub(crate) struct LeaseQueue {
    leases: Vec<LeaseRequest>,
    queued: VecDeque<LeaseRequest>,
    hand_overs: u32,
}

#[derive(Debug)]
struct LeaseRequest {
    /// Identifies the request.
    ticket: u64,
    /// Identifies the requesting test. All requests of one test have the same number.
    test: u64,
    access: Access,
    /// Another request has waited for the end of this lease until its time limit.
    is_overdue: bool,
}

impl LeaseRequest {
    fn is_exclusive(&self) -> bool {
        self.access == Access::Exclusive
    }

    fn conflicts_with(&self, lease: &Self) -> bool {
        self.is_exclusive() || lease.is_exclusive()
    }
}

/// The answer to a request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    /// A later `grant_next` grants it.
    Queued,
    /// The request would wait for a lease of the same test.
    SelfDeadlock,
    /// The request would wait for a lease that an earlier one has given up waiting for.
    Overdue,
}

impl LeaseQueue {
    /// Adds a request, unless it would wait in vain.
    pub(crate) fn request(&mut self, ticket: u64, test: u64, access: Access) -> Answer {
        let request = LeaseRequest { ticket, test, access, is_overdue: false };
        let mut own = self.leases.iter().filter(|lease| lease.test == test).peekable();
        if own.peek().is_some() {
            if access != Access::Need && own.any(|own| request.conflicts_with(own)) {
                return Answer::SelfDeadlock;
            }
            // A second lease of the same test is granted ahead of an exclusive request that is queued.
            // Behind it, it would deadlock: that request waits for the test's first lease.
            self.add_lease(request);
            return Answer::Granted;
        }
        if self.leases.iter().any(|lease| lease.is_overdue && request.conflicts_with(lease)) {
            return Answer::Overdue;
        }
        self.queued.push_back(request);
        Answer::Queued
    }

    /// Grants what can be granted now, and returns the tickets of those requests.
    pub(crate) fn grant_next(&mut self) -> Vec<u64> {
        let mut granted = Vec::new();
        while let Some(next) = self.queued.front() {
            if self.leases.iter().any(|lease| next.conflicts_with(lease)) {
                break;
            }
            granted.push(next.ticket);
            self.queued.pop_front().into_iter().for_each(|next| self.add_lease(next));
        }
        granted
    }

    fn add_lease(&mut self, request: LeaseRequest) {
        self.leases.push(request);
        self.hand_overs = self.hand_overs.wrapping_add(1);
    }

    /// Turns an exclusive request into a shared one that keeps its place. Call `grant_next` after it.
    pub(crate) fn downgrade(&mut self, ticket: u64) {
        let mut requests = self.leases.iter_mut().chain(&mut self.queued);
        if let Some(request) = requests.find(|request| request.ticket == ticket) {
            request.access = Access::Shared;
        }
    }

    /// Removes a request that has waited until its time limit. Later requests do not wait for the same
    /// leases.
    pub(crate) fn give_up(&mut self, ticket: u64) {
        let request = self.queued.iter().find(|request| request.ticket == ticket);
        for lease in &mut self.leases {
            lease.is_overdue |= request.is_some_and(|request| request.conflicts_with(lease));
        }
        self.remove(ticket);
    }

    /// Removes a request. Returns true if it held a lease.
    pub(crate) fn remove(&mut self, ticket: u64) -> bool {
        if let Some(at) = self.leases.iter().position(|lease| lease.ticket == ticket) {
            self.leases.remove(at);
            self.hand_overs = self.hand_overs.wrapping_add(1);
            return true;
        }
        self.queued.retain(|request| request.ticket != ticket);
        false
    }

    /// Returns true if the request holds a lease.
    pub(crate) fn is_granted(&self, ticket: u64) -> bool {
        self.leases.iter().any(|lease| lease.ticket == ticket)
    }

    /// Returns true if the request is granted before all others that are queued.
    pub(crate) fn is_next(&self, ticket: u64) -> bool {
        self.queued.front().is_some_and(|next| next.ticket == ticket)
    }

    /// Returns the tickets of the requests that are not granted yet, in their order.
    pub(crate) fn queued(&self) -> Vec<u64> {
        self.queued.iter().map(|request| request.ticket).collect()
    }

    /// Returns the tickets of the leases.
    pub(crate) fn holders(&self) -> Vec<u64> {
        self.leases.iter().map(|lease| lease.ticket).collect()
    }

    /// Returns the number of leases.
    pub(crate) fn lease_count(&self) -> usize {
        self.leases.len()
    }

    /// Returns how many times a lease began or ended.
    pub(crate) fn hand_overs(&self) -> u32 {
        self.hand_overs
    }

    /// Returns true if the server is leased exclusively.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.leases.iter().any(LeaseRequest::is_exclusive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: Access = Access::Shared;
    const EXCLUSIVE: Access = Access::Exclusive;

    /// Requests a lease and returns true if it is granted at once.
    fn asks(queue: &mut LeaseQueue, ticket: u64, test: u64, access: Access) -> bool {
        assert_eq!(queue.request(ticket, test, access), Answer::Queued);
        queue.grant_next().contains(&ticket)
    }

    #[test]
    fn shared_leases_are_granted_at_once() {
        let mut queue = LeaseQueue::default();
        assert!(asks(&mut queue, 1, 1, SHARED));
        assert!(asks(&mut queue, 2, 2, SHARED));
        assert_eq!(queue.holders(), [1, 2]);
    }

    #[test]
    fn an_exclusive_request_waits_and_lets_no_later_one_pass() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        assert!(!asks(&mut queue, 2, 2, EXCLUSIVE));
        assert!(!asks(&mut queue, 3, 3, SHARED));
        queue.remove(1);
        assert_eq!(queue.grant_next(), [2]);
        assert!(queue.is_exclusive());
        queue.remove(2);
        assert_eq!(queue.grant_next(), [3]);
    }

    #[test]
    fn no_request_overtakes_an_earlier_one() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, EXCLUSIVE);
        for ticket in 2..6 {
            assert!(!asks(
                &mut queue,
                ticket,
                ticket,
                if ticket == 4 { EXCLUSIVE } else { SHARED }
            ));
        }
        queue.remove(1);
        assert_eq!(queue.grant_next(), [2, 3]);
        queue.remove(2);
        queue.remove(3);
        assert_eq!(queue.grant_next(), [4]);
        assert_eq!(queue.queued(), [5]);
    }

    #[test]
    fn a_second_lease_of_a_test_overtakes_a_queued_exclusive_request() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        assert!(!asks(&mut queue, 2, 2, EXCLUSIVE));
        assert_eq!(queue.request(3, 1, SHARED), Answer::Granted);
    }

    #[test]
    fn a_test_that_would_wait_for_itself_is_refused() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        assert_eq!(queue.request(2, 1, EXCLUSIVE), Answer::SelfDeadlock);
        queue.remove(1);
        asks(&mut queue, 3, 1, EXCLUSIVE);
        assert_eq!(queue.request(4, 1, SHARED), Answer::SelfDeadlock);
    }

    #[test]
    fn a_test_that_has_a_server_alone_can_use_what_needs_it() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, EXCLUSIVE);
        assert_eq!(queue.request(2, 1, Access::Need), Answer::Granted);
        assert!(!asks(&mut queue, 3, 3, Access::Need));
        queue.remove(2);
        assert!(queue.is_exclusive() && queue.grant_next().is_empty());
        queue.remove(1);
        assert_eq!(queue.grant_next(), [3]);
    }

    #[test]
    fn an_exclusive_request_waits_for_the_tests_of_what_needs_the_server() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, Access::Need);
        assert!(!asks(&mut queue, 2, 2, EXCLUSIVE));
        assert_eq!(queue.request(3, 1, EXCLUSIVE), Answer::SelfDeadlock);
        queue.remove(1);
        assert_eq!(queue.grant_next(), [2]);
    }

    #[test]
    fn a_withdrawn_request_blocks_no_other() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        asks(&mut queue, 2, 2, EXCLUSIVE);
        asks(&mut queue, 3, 3, SHARED);
        queue.remove(2);
        assert_eq!(queue.grant_next(), [3]);
    }

    #[test]
    fn a_lease_that_was_waited_for_in_vain_refuses_the_next_request() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, EXCLUSIVE);
        asks(&mut queue, 2, 2, SHARED);
        queue.give_up(2);
        assert_eq!(queue.request(3, 3, SHARED), Answer::Overdue);
        assert_eq!(queue.queued(), []);
        assert!(queue.remove(1));
        assert!(asks(&mut queue, 4, 4, SHARED));
    }

    #[test]
    fn a_shared_lease_that_was_waited_for_in_vain_can_still_be_shared() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        asks(&mut queue, 2, 2, EXCLUSIVE);
        queue.give_up(2);
        assert!(asks(&mut queue, 3, 3, SHARED));
        assert_eq!(queue.request(4, 4, EXCLUSIVE), Answer::Overdue);
        queue.remove(1);
        assert_eq!(queue.request(5, 5, EXCLUSIVE), Answer::Queued);
    }

    #[test]
    fn a_downgraded_lease_lets_queued_shared_requests_in() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, EXCLUSIVE);
        asks(&mut queue, 2, 2, SHARED);
        asks(&mut queue, 3, 3, EXCLUSIVE);
        queue.downgrade(1);
        assert_eq!(queue.grant_next(), [2]);
        assert!(!queue.is_exclusive());
        assert_eq!(queue.queued(), [3]);
    }

    #[test]
    fn a_downgraded_request_keeps_its_place() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        asks(&mut queue, 2, 2, EXCLUSIVE);
        asks(&mut queue, 3, 3, EXCLUSIVE);
        queue.downgrade(2);
        assert_eq!(queue.grant_next(), [2]);
        assert!(queue.is_granted(2) && !queue.is_granted(3));
    }
}
