//! Who may use a shared server, in the order in which they asked. Data only.

/// The leases of one server, given and asked for.
#[derive(Default)]
pub(super) struct Queue {
    asks: Vec<Ask>,
}

struct Ask {
    connection: u64,
    /// Tells one test from another.
    test: u64,
    exclusive: bool,
    granted: bool,
}

/// What a request for a lease leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted,
    /// Until `grant_next` says otherwise.
    Waits,
    /// The test would wait for itself.
    Conflict,
}

impl Queue {
    pub(super) fn ask(&mut self, connection: u64, test: u64, exclusive: bool) -> Answer {
        let own = |ask: &&Ask| ask.granted && ask.test == test;
        let has_lease = self.asks.iter().any(|ask| own(&ask));
        if has_lease && (exclusive || self.asks.iter().filter(own).any(|ask| ask.exclusive)) {
            return Answer::Conflict;
        }
        // A test that has a lease gets another even while somebody waits for an exclusive one: to
        // wait for him would be to wait for itself.
        self.asks.push(Ask { connection, test, exclusive, granted: has_lease });
        if has_lease { Answer::Granted } else { Answer::Waits }
    }

    /// Grants what can be granted now, and returns whose requests those are.
    pub(super) fn grant_next(&mut self) -> Vec<u64> {
        let mut granted = Vec::new();
        while let Some(next) = self.asks.iter().position(|ask| !ask.granted) {
            let exclusive = self.asks[next].exclusive;
            let is_free = self.asks.iter().all(|ask| !ask.granted || !(exclusive || ask.exclusive));
            if !is_free {
                break;
            }
            self.asks[next].granted = true;
            granted.push(self.asks[next].connection);
        }
        granted
    }

    /// Forgets a connection that has ended.
    pub(super) fn remove(&mut self, connection: u64) {
        self.asks.retain(|ask| ask.connection != connection);
    }

    /// Those who have not been granted what they asked for.
    pub(super) fn waiting(&self) -> Vec<u64> {
        self.asks.iter().filter(|ask| !ask.granted).map(|ask| ask.connection).collect()
    }

    /// Those who have a lease.
    pub(super) fn holders(&self) -> Vec<u64> {
        self.asks.iter().filter(|ask| ask.granted).map(|ask| ask.connection).collect()
    }

    pub(super) fn is_exclusive(&self) -> bool {
        self.asks.iter().any(|ask| ask.granted && ask.exclusive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: bool = false;
    const EXCLUSIVE: bool = true;

    /// Asks, and says whether the lease is given at once.
    fn asks(queue: &mut Queue, connection: u64, test: u64, exclusive: bool) -> bool {
        assert_eq!(queue.ask(connection, test, exclusive), Answer::Waits);
        queue.grant_next().contains(&connection)
    }

    #[test]
    fn shared_leases_are_granted_at_once() {
        let mut queue = Queue::default();
        assert!(asks(&mut queue, 1, 1, SHARED));
        assert!(asks(&mut queue, 2, 2, SHARED));
        assert_eq!(queue.holders(), [1, 2]);
    }

    #[test]
    fn an_exclusive_lease_waits_and_lets_nobody_pass() {
        let mut queue = Queue::default();
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
    fn nobody_passes_another_who_waits() {
        let mut queue = Queue::default();
        asks(&mut queue, 1, 1, EXCLUSIVE);
        for connection in 2..6 {
            assert!(!asks(&mut queue, connection, connection, connection == 4));
        }
        queue.remove(1);
        assert_eq!(queue.grant_next(), [2, 3]);
        queue.remove(2);
        queue.remove(3);
        assert_eq!(queue.grant_next(), [4]);
        assert_eq!(queue.waiting(), [5]);
    }

    #[test]
    fn a_test_with_a_lease_gets_another_while_somebody_waits() {
        let mut queue = Queue::default();
        asks(&mut queue, 1, 1, SHARED);
        assert!(!asks(&mut queue, 2, 2, EXCLUSIVE));
        assert_eq!(queue.ask(3, 1, SHARED), Answer::Granted);
    }

    #[test]
    fn a_test_that_would_wait_for_itself_is_told() {
        let mut queue = Queue::default();
        asks(&mut queue, 1, 1, SHARED);
        assert_eq!(queue.ask(2, 1, EXCLUSIVE), Answer::Conflict);
        queue.remove(1);
        asks(&mut queue, 3, 1, EXCLUSIVE);
        assert_eq!(queue.ask(4, 1, SHARED), Answer::Conflict);
    }

    #[test]
    fn who_gives_up_waiting_holds_nobody_up() {
        let mut queue = Queue::default();
        asks(&mut queue, 1, 1, SHARED);
        asks(&mut queue, 2, 2, EXCLUSIVE);
        asks(&mut queue, 3, 3, SHARED);
        queue.remove(2);
        assert_eq!(queue.grant_next(), [3]);
    }
}
