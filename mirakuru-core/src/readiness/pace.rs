//! How often a condition is polled when the kernel does not report what is waited for.

use std::mem;
use std::time::{Duration, Instant};

use super::ready_times::ReadyTimes;

/// The shortest and the longest time between two polls.
const STEP_MIN: Duration = Duration::from_micros(100);
const STEP_MAX: Duration = Duration::from_millis(10);

/// The longest time between two polls before the time that earlier starts took; for a process that takes
/// long, a hundredth of that time.
const STEP_BEFORE: Duration = Duration::from_millis(2);

/// A process that is ready within a second is noticed within this time; later on, within a thousandth of
/// the time waited.
const STEP_EARLY: Duration = Duration::from_millis(1);

/// Polling takes no more than a fifth of the time, unless a single poll takes very long. A poll counts as long
/// if the one before was: it may only have waited for a processor.
const SLEEP_PER_POLL: u32 = 4;
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Until then, the steps are short anyway, and earlier starts are not looked up.
const SHORT: Duration = Duration::from_millis(5);

/// The time between two polls in one wait: short at first and whenever the condition may soon hold, longer
/// and longer after that.
pub(super) struct Pace {
    began: Instant,
    /// The steps grow with the time since then.
    grows_since: Instant,
    earlier: Option<ReadyTimes>,
    /// How long the last poll took.
    last_poll: Duration,
    /// A condition was polled by a timer, so that the times are of use.
    is_used: bool,
}

impl Pace {
    /// The pace of a wait that begins now, for the definition with this number if it has one.
    pub(super) fn new(definition: Option<u64>) -> Self {
        let began = Instant::now();
        let earlier = definition.map(ReadyTimes::of);
        Self { began, grows_since: began, earlier, last_poll: Duration::ZERO, is_used: false }
    }

    /// Has the steps grow from the shortest again: something has happened.
    pub(super) fn quicken(&mut self, now: Instant) {
        self.grows_since = now;
    }

    /// Returns how long to sleep after a poll that took so long.
    pub(super) fn step(&mut self, now: Instant, poll: Duration) -> Duration {
        self.is_used = true;
        let usual = poll.min(mem::replace(&mut self.last_poll, poll));
        let rest = (usual * SLEEP_PER_POLL).min(SLEEP_MAX);
        self.undisturbed(now).max(rest)
    }

    fn undisturbed(&mut self, now: Instant) -> Duration {
        let waited = now - self.began;
        let grown = |since: Instant| ((now - since) / 64).max(STEP_MIN);
        let early = (waited / 1000).clamp(STEP_EARLY, STEP_MAX);
        let earlier = self.earlier.as_ref().filter(|_| waited > SHORT);
        let Some(range) = earlier.and_then(ReadyTimes::range) else {
            return grown(self.grows_since).min(early);
        };
        // The time that a sleep takes varies by so much even if the server does not.
        let soon = range.start().saturating_sub((*range.start() / 128).max(STEP_EARLY));
        if waited < soon {
            let longest = (soon / 100).clamp(STEP_BEFORE, STEP_MAX);
            let is_quickened = self.grows_since > self.began;
            let step = if is_quickened { grown(self.grows_since) } else { longest };
            return step.min(longest).min(soon - waited).max(STEP_MIN);
        }
        let step = grown(self.grows_since.max(self.began + soon));
        step.min(if waited > *range.end() { STEP_MAX } else { early })
    }

    /// Keeps for later starts how long the wait took until then, unless the kernel has reported all.
    pub(super) fn remember(&self, ready: Instant) {
        let earlier = self.earlier.iter().filter(|_| self.is_used);
        earlier.for_each(|earlier| earlier.add(ready - self.began));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    /// Returns the step after so many microseconds.
    fn step(pace: &mut Pace, waited: u64, poll: u64) -> u64 {
        pace.step(pace.began + micros(waited), micros(poll)).as_micros() as u64
    }

    fn first() -> Pace {
        Pace::new(None)
    }

    /// The pace of a definition that took so many milliseconds at earlier starts.
    fn later(number: u64, times: [u64; 2]) -> Pace {
        let definition = u64::from(std::process::id()) << 32 | 0x200 | number;
        times.iter().for_each(|ms| ReadyTimes::of(definition).add(Duration::from_millis(*ms)));
        Pace::new(Some(definition))
    }

    #[test]
    fn steps_are_short_at_first_and_grow_with_the_time_waited() {
        let pace = &mut first();
        assert_eq!([0, 10_000].map(|at| step(pace, at, 0)), [100, 156]);
        let late = [900_000, 5_000_000, 60_000_000].map(|at| step(pace, at, 0));
        assert_eq!(late, [1000, 5000, 10_000]);
    }

    #[test]
    fn polls_that_take_long_are_followed_by_longer_sleeps_but_a_single_one_is_not() {
        let pace = &mut first();
        let polls = [5_000, 300, 5_000, 5_000, 1_000_000, 1_000_000];
        let steps = polls.map(|poll| step(pace, 0, poll));
        assert_eq!(steps, [100, 1200, 1200, 20_000, 20_000, 100_000]);
    }

    #[test]
    fn steps_are_long_before_the_time_of_earlier_starts_and_short_near_it() {
        let pace = &mut later(1, [100, 120]);
        assert_eq!([20_000, 98_000].map(|at| step(pace, at, 0)), [2000, 1000]);
        assert_eq!([99_000, 100_000, 105_000].map(|at| step(pace, at, 0)), [100, 100, 100]);
        let slow = &mut later(2, [1000, 1200]);
        assert_eq!([500_000, 992_000].map(|at| step(slow, at, 0)), [9921, 187]);
    }

    #[test]
    fn a_server_that_is_slower_than_ever_is_polled_as_rarely_as_by_hand() {
        let pace = &mut later(3, [100, 120]);
        assert_eq!([115_000, 800_000].map(|at| step(pace, at, 0)), [250, 10_000]);
    }

    #[test]
    fn steps_are_short_again_after_something_has_happened() {
        let pace = &mut later(4, [100, 120]);
        pace.quicken(pace.began + micros(20_000));
        assert_eq!([20_000, 40_000].map(|at| step(pace, at, 0)), [100, 312]);
    }
}
