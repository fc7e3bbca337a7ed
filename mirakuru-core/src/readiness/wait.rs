//! The one loop that waits.

use std::time::{Duration, Instant};

use super::fail_on::Fatal;
use super::{Attempt, Condition, Readiness};
use crate::diagnostics::progress::Progress;
use crate::error::{Attempts, Error, ErrorKind, Result, Seconds};
use crate::resources::placeholders::Placeholders;
use crate::supervisor::{Client, Phase, State};
use crate::sys::{self, Watcher};

/// The way out of a wait that nothing more is known of.
const SLOW: &str = "if it only needs longer, give it a longer `timeout`";

/// A wait for one condition after the other, within one time limit.
pub(super) struct Wait<'a> {
    values: &'a Placeholders,
    client: &'a Client,
    fatal: Vec<Fatal>,
    began: Instant,
    deadline: Instant,
    asked: u64,
    watcher: Watcher,
    progress: Progress,
}

impl<'a> Wait<'a> {
    /// The shortest and the longest time between two looks where the kernel does not wake us.
    const STEP_MIN: Duration = Duration::from_micros(200);
    const STEP_MAX: Duration = Duration::from_millis(10);

    /// How often to look where the kernel wakes us: what is watched may be moved away.
    const STEP_TOLD: Duration = Duration::from_millis(250);

    /// Who is ready within a second is noticed within this time; later on, within a thousandth of
    /// the time waited.
    const STEP_EARLY: Duration = Duration::from_millis(1);

    /// Looking takes no more than a fifth of the time, unless a single look takes very long.
    const SLEEP_PER_LOOK: u32 = 4;
    const SLEEP_MAX: Duration = Duration::from_millis(100);

    pub(super) fn new(
        values: &'a Placeholders,
        client: &'a Client,
        fatal: Vec<Fatal>,
        began: Instant,
        limit: Duration,
    ) -> Self {
        let (watcher, progress) = (Watcher::new(), Progress::new(began, limit));
        Self { values, client, fatal, began, deadline: began + limit, asked: 0, watcher, progress }
    }

    /// Waits until all of the conditions hold at the same time.
    pub(super) fn for_all(&mut self, all: &mut [Box<dyn Condition>]) -> Result<()> {
        loop {
            for at in 0..all.len() {
                self.until(all, at)?;
            }
            // One that held first may not hold any more, as with a server that starts twice.
            if all.len() < 2 {
                return Ok(());
            }
            match self.first_unmet(all)? {
                None => return Ok(()),
                Some((what, last)) => self.again(all, what, last)?,
            }
        }
    }

    /// Waits until the condition at this place holds.
    fn until(&mut self, all: &mut [Box<dyn Condition>], at: usize) -> Result<()> {
        self.asked = 0;
        loop {
            // The watch comes before the look, and so does the question whether the process lives:
            // what happens in between is noticed.
            let is_watched = all[at].watch(&mut self.watcher);
            self.fatal.iter().for_each(|fatal| fatal.watch(&mut self.watcher));
            self.watcher.clear();
            let state = self.client.state();
            self.check_fatal()?;
            self.listen(all)?;
            let looked = Instant::now();
            self.asked += 1;
            let condition = all[at].as_mut();
            let last = match condition.check(&self.attempt())? {
                Readiness::Ready => return Ok(()),
                Readiness::NotYet(last) => last,
            };
            let seen = || condition.diagnose().unwrap_or_else(|| last.clone());
            let what = || self.attempts(condition.what(), seen());
            check_alive(&state, || last.clone()).map_err(|error| with_attempts(error, what()))?;
            let now = Instant::now();
            if now >= self.deadline {
                let error = self.over(condition.what(), seen());
                return Err(error.with_help(condition.way_out().unwrap_or(SLOW.to_owned())));
            }
            self.tell(&|| condition.what(), &last);
            let is_told = (is_watched || condition.as_fd().is_some()) && condition.is_told();
            let step =
                if is_told { Self::STEP_TOLD } else { Self::step(now - self.began, now - looked) };
            self.rest(step.min(self.deadline - now), all, is_told)?;
        }
    }

    /// Hears what the process says by itself, whichever condition is waited for: it would stand still
    /// if nobody did, and it may ask for more time.
    fn listen(&mut self, all: &mut [Box<dyn Condition>]) -> Result<()> {
        for condition in all {
            condition.listen(&self.attempt())?;
            self.deadline = self.deadline.max(condition.extended().unwrap_or(self.deadline));
        }
        Ok(())
    }

    fn check_fatal(&mut self) -> Result<()> {
        let deadline = self.deadline;
        self.fatal.iter_mut().try_for_each(|fatal| fatal.check(deadline))
    }

    /// What does not hold, and what was seen instead.
    fn first_unmet(&self, all: &mut [Box<dyn Condition>]) -> Result<Option<(String, String)>> {
        for condition in all {
            if let Readiness::NotYet(last) = condition.check(&self.attempt())? {
                return Ok(Some((condition.what(), last)));
            }
        }
        Ok(None)
    }

    /// Goes on after a condition that had held does not hold any more.
    fn again(&mut self, all: &mut [Box<dyn Condition>], what: String, last: String) -> Result<()> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(self.over(what, last));
        }
        self.tell(&|| what.clone(), &last);
        let step = Self::step(now - self.began, Duration::ZERO);
        self.rest(step.min(self.deadline - now), all, false)
    }

    /// How long to sleep where nobody tells when to look again, after so long a wait and a look that
    /// took so long.
    fn step(waited: Duration, look: Duration) -> Duration {
        let longest = (waited / 1000).clamp(Self::STEP_EARLY, Self::STEP_MAX);
        let rest = (look * Self::SLEEP_PER_LOOK).min(Self::SLEEP_MAX);
        (waited / 32).clamp(Self::STEP_MIN, longest).max(rest)
    }

    /// Rests until something has happened or it is time to look again. Without `is_told`, no change of
    /// a file is a reason to look at the condition: a request to a server that is not ready may be a
    /// line in its log, which would be followed by the next request at once.
    fn rest(
        &mut self,
        step: Duration,
        all: &mut [Box<dyn Condition>],
        is_told: bool,
    ) -> Result<()> {
        let end = Instant::now() + step;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if self.sleep(left, all, is_told) || is_told || Instant::now() >= end {
                return Ok(()); // The look follows.
            }
            self.watcher.clear();
            self.check_fatal()?;
            self.listen(all)?;
        }
    }

    /// Sleeps, and returns whether that was because of the process's state.
    fn sleep(&self, step: Duration, all: &[Box<dyn Condition>], is_told: bool) -> bool {
        let watcher = self.watcher.as_fd().filter(|_| is_told || !self.fatal.is_empty());
        let heard = all.iter().filter_map(|condition| condition.as_fd());
        let fds: Vec<_> =
            std::iter::once(self.client.as_fd()).chain(watcher).chain(heard).collect();
        sys::wait_readable(&fds, Some(step)).is_ok_and(|ready| ready.first() == Some(&true))
    }

    /// Whoever watches sees a wait that takes long.
    fn tell(&mut self, what: &dyn Fn() -> String, last: &str) {
        self.progress.tick(&|| format!("{}: {}", self.client.name(), what()), last);
    }

    /// The time is over.
    fn over(&self, what: String, last: String) -> Error {
        let limit = Seconds(self.deadline - self.began);
        let text = format!("not ready within {limit}: {what}");
        with_attempts(Error::new(ErrorKind::Timeout, text), self.attempts(what, last))
    }

    fn attempt(&self) -> Attempt<'a> {
        Attempt { values: self.values, client: self.client, deadline: self.deadline }
    }

    fn attempts(&self, what: String, last: String) -> Attempts {
        let Self { began, deadline, asked, .. } = *self;
        let (elapsed, limit) = (began.elapsed(), deadline - began);
        Attempts { what, last, count: asked, elapsed, limit }
    }
}

fn with_attempts(error: Error, attempts: Attempts) -> Error {
    error.with_report(|report| report.attempts = Some(attempts))
}

/// Fails if the process has ended, or if a launcher failed that left something behind.
pub(super) fn check_alive(state: &State, last: impl Fn() -> String) -> Result<()> {
    let ended = state.ended();
    let failed = state.previous_main_exit.filter(|launcher| !launcher.success());
    let main_failed = state.exit.filter(|exit| !exit.success());
    if let Some(exit) = ended.or(failed).or(main_failed) {
        let error = Error::new(ErrorKind::Exited, format!("{exit} before it was ready"));
        return Err(error.with_report(|report| {
            report.exit = Some(exit);
            report.help = exit.hint().map(str::to_owned);
        }));
    }
    if state.phase == Phase::SupervisorKilled {
        let what = format!("the supervisor was killed, and the process with it ({})", last());
        return Err(Error::new(ErrorKind::Exited, what));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(waited: u64, look: u64) -> u64 {
        Wait::step(Duration::from_micros(waited), Duration::from_micros(look)).as_micros() as u64
    }

    #[test]
    fn steps_are_short_at_first_and_grow_with_the_time_waited() {
        assert_eq!([step(0, 0), step(10_000, 0)], [200, 312]);
        assert_eq!(
            [step(900_000, 0), step(5_000_000, 0), step(60_000_000, 0)],
            [1000, 5000, 10_000]
        );
    }

    #[test]
    fn a_look_that_costs_much_is_followed_by_a_longer_rest() {
        assert_eq!([step(0, 300), step(0, 5_000), step(0, 1_000_000)], [1200, 20_000, 100_000]);
    }
}
