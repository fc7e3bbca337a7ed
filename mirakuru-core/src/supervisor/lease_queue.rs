//! Decides who may use a shared server, in the order of the requests. Data only: sharing within one
//! process and the supervisors of servers that are shared by several processes both use it.

/// The leases of one server, granted and queued.
#[derive(Debug, Default)]
pub(crate) struct LeaseQueue {
    requests: Vec<LeaseRequest>,
}

#[derive(Debug)]
struct LeaseRequest {
    /// Identifies the request.
    ticket: u64,
    /// Identifies the requesting test. All requests of one test have the same number.
    test: u64,
    exclusive: bool,
    granted: bool,
}

/// The answer to a request for a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    /// A later `grant_next` grants it.
    Queued,
    /// The request would wait for a lease of the same test.
    SelfDeadlock,
}

impl LeaseQueue {
    /// Adds a request, unless its test would wait for itself.
    pub(crate) fn request(&mut self, ticket: u64, test: u64, exclusive: bool) -> Answer {
        let own = |request: &&LeaseRequest| request.granted && request.test == test;
        let has_lease = self.requests.iter().any(|request| own(&request));
        if has_lease && (exclusive || self.requests.iter().filter(own).any(|own| own.exclusive)) {
            return Answer::SelfDeadlock;
        }
        // A second lease of the same test is granted ahead of an exclusive request that is queued.
        // Behind it, it would deadlock: that request waits for the test's first lease.
        self.requests.push(LeaseRequest { ticket, test, exclusive, granted: has_lease });
        if has_lease { Answer::Granted } else { Answer::Queued }
    }

    /// Grants what can be granted now, and returns the tickets of those requests.
    pub(crate) fn grant_next(&mut self) -> Vec<u64> {
        let mut granted = Vec::new();
        while let Some(next) = self.requests.iter().position(|request| !request.granted) {
            let exclusive = self.requests[next].exclusive;
            let conflicts =
                |holder: &LeaseRequest| holder.granted && (exclusive || holder.exclusive);
            if self.requests.iter().any(conflicts) {
                break;
            }
            self.requests[next].granted = true;
            granted.push(self.requests[next].ticket);
        }
        granted
    }

    /// Turns an exclusive request into a shared one that keeps its place. Call `grant_next` after it.
    pub(crate) fn downgrade(&mut self, ticket: u64) {
        if let Some(request) = self.requests.iter_mut().find(|request| request.ticket == ticket) {
            request.exclusive = false;
        }
    }

    /// Removes a request, granted or not.
    pub(crate) fn remove(&mut self, ticket: u64) {
        self.requests.retain(|request| request.ticket != ticket);
    }

    /// Returns true if the request holds a lease.
    pub(crate) fn is_granted(&self, ticket: u64) -> bool {
        self.requests.iter().any(|request| request.granted && request.ticket == ticket)
    }

    /// Returns the tickets of the requests that are not granted yet, in their order.
    pub(crate) fn queued(&self) -> Vec<u64> {
        self.tickets(false)
    }

    /// Returns the tickets of the leases.
    pub(crate) fn holders(&self) -> Vec<u64> {
        self.tickets(true)
    }

    /// Returns the number of leases.
    pub(crate) fn lease_count(&self) -> usize {
        self.requests.iter().filter(|request| request.granted).count()
    }

    fn tickets(&self, granted: bool) -> Vec<u64> {
        let requests = self.requests.iter().filter(|request| request.granted == granted);
        requests.map(|request| request.ticket).collect()
    }

    /// Returns true if the server is leased exclusively.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.requests.iter().any(|request| request.granted && request.exclusive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: bool = false;
    const EXCLUSIVE: bool = true;

    /// Requests a lease and returns true if it is granted at once.
    fn asks(queue: &mut LeaseQueue, ticket: u64, test: u64, exclusive: bool) -> bool {
        assert_eq!(queue.request(ticket, test, exclusive), Answer::Queued);
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
            assert!(!asks(&mut queue, ticket, ticket, ticket == 4));
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
    fn a_withdrawn_request_blocks_no_other() {
        let mut queue = LeaseQueue::default();
        asks(&mut queue, 1, 1, SHARED);
        asks(&mut queue, 2, 2, EXCLUSIVE);
        asks(&mut queue, 3, 3, SHARED);
        queue.remove(2);
        assert_eq!(queue.grant_next(), [3]);
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
