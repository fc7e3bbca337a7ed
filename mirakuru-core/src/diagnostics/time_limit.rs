//! Time limits of waits: for other processes, and those that `MIRAKURU_TIMEOUT_FACTOR` multiplies.

use std::fmt;
use std::time::{Duration, Instant};

use super::settings::{self, TIMEOUT_FACTOR};
use crate::error::Seconds;
use crate::sys;

/// What takes so much longer than it should shows that this process was stopped: by Ctrl-Z, by a debugger, or
/// with its container.
const STOPPED_FOR: Duration = Duration::from_millis(50);

/// The pauses between attempts grow from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(20);

/// How long another process may take to remove a directory that it found unused.
pub(crate) const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns a time limit of the user, multiplied by `MIRAKURU_TIMEOUT_FACTOR`.
pub(crate) fn multiplied(limit: Duration) -> Duration {
    match settings::timeout_factor() {
        1.0 => limit,
        factor => times(limit, factor),
    }
}

fn times(limit: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(limit.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// A multiplied time limit, as messages show it.
pub(crate) struct Limit(pub(crate) Duration);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Seconds(self.0))?;
        match settings::timeout_factor() {
            1.0 => Ok(()),
            factor => {
                let limit = Seconds(times(self.0, 1.0 / factor));
                write!(f, " ({limit}, {TIMEOUT_FACTOR}={factor})")
            }
        }
    }
}

/// A time limit that does not count the time in which this process was stopped.
pub(crate) struct TimeLimit {
    limit: Duration,
    began: Instant,
    deadline: Instant,
    /// The last moment that counts.
    counted: Instant,
}

impl TimeLimit {
    pub(crate) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, began: now, deadline: sys::deadline_after(limit), counted: now }
    }

    /// Begins again, unless it began after this instant.
    pub(crate) fn restart(&mut self, at: Instant) {
        if at > self.began {
            self.began = at;
            self.counted = Instant::now();
            self.deadline = sys::deadline_after(self.limit);
        }
    }

    /// Returns true if it has passed. Between its sleeps, nothing should take long.
    pub(crate) fn is_over(&mut self) -> bool {
        self.count(self.counted);
        self.counted >= self.deadline
    }

    /// Calls `sleep` with the end of its sleep: at the deadline, or after this step.
    pub(crate) fn sleep<T>(&mut self, step: Duration, sleep: impl FnOnce(Instant) -> T) -> T {
        self.count(self.counted);
        let end = self.deadline.min(self.counted + step);
        let result = sleep(end);
        self.count(end);
        result
    }

    /// Counts the time until now, or until the expected end if that was much earlier.
    fn count(&mut self, expected: Instant) {
        let now = Instant::now();
        if now > expected + STOPPED_FOR {
            self.deadline += now - expected;
        }
        self.counted = now;
    }
}

/// The pauses between attempts at what another process prevents, without a sign when it no longer does.
pub(crate) struct Pauses {
    limit: TimeLimit,
    next: Duration,
}

impl Pauses {
    /// Allows pauses until the time limit, which counts from now.
    pub(crate) fn within(limit: Duration) -> Self {
        Self { limit: TimeLimit::new(limit), next: FIRST_PAUSE }
    }

    /// Sleeps until it is time for another attempt. Returns false if the time limit has passed.
    pub(crate) fn pause(&mut self) -> bool {
        if self.limit.is_over() {
            return false;
        }
        let sleep = |end: Instant| sys::wait_readable(&[], Some(end - Instant::now()));
        let _ = self.limit.sleep(self.next, sleep);
        self.next = (self.next * 2).min(LAST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    #[test]
    fn a_limit_that_is_multiplied_never_overflows() {
        assert_eq!(times(Duration::from_secs(30), 1.5), Duration::from_secs(45));
        assert_eq!(times(Duration::MAX, 3.0), Duration::MAX);
        assert_eq!(times(Duration::from_secs(30), 1e300), Duration::MAX);
    }

    fn sleep_until(end: Instant) {
        let _ = sys::wait_readable(&[], Some(end.saturating_duration_since(Instant::now())));
    }

    #[test]
    fn a_limit_ends_a_sleep_that_would_take_longer() {
        let mut limit = TimeLimit::new(LIMIT);
        while !limit.is_over() {
            limit.sleep(LIMIT * 100, sleep_until);
        }
        assert!(limit.began.elapsed() >= LIMIT);
    }

    #[test]
    fn the_time_that_the_process_was_stopped_does_not_count() {
        let mut limit = TimeLimit::new(LIMIT);
        limit.sleep(Duration::ZERO, |end| sleep_until(end + LIMIT * 2));
        assert!(!limit.is_over());
    }

    #[test]
    fn it_does_not_count_before_a_sleep_either() {
        let mut limit = TimeLimit::new(LIMIT);
        sleep_until(limit.deadline + LIMIT);
        assert!(!limit.is_over());
        sleep_until(limit.deadline + LIMIT);
        assert!(limit.sleep(LIMIT, |end| end > Instant::now()));
    }

    #[test]
    fn a_limit_begins_again_once_for_one_hand_over() {
        let mut limit = TimeLimit::new(LIMIT);
        limit.restart(limit.began - LIMIT);
        limit.sleep(LIMIT, sleep_until);
        assert!(limit.is_over());
        let hand_over = Instant::now();
        limit.restart(hand_over);
        assert!(!limit.is_over());
        limit.sleep(LIMIT, sleep_until);
        limit.restart(hand_over);
        assert!(limit.is_over());
    }
}
