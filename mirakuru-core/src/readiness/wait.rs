//! The one loop that waits.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::{Condition, Explanation, Found, Poll, Wake};
use super::fail_on::FailOn;
use super::pace::Pace;
use crate::diagnostics::loopback;
use crate::diagnostics::progress::Progress;
use crate::diagnostics::time_limit::Limit;
use crate::error::{Attempts, Error, ErrorKind, Result};
use crate::resources::placeholders::Placeholders;
use crate::supervisor::{Client, Phase, State};
use crate::sys::{self, PreciseSleeps, Watcher};

/// The advice for a wait that timed out without any better advice.
const RAISE_TIMEOUT: &str = "if it only needs longer, give it a longer `timeout`";

/// The shortest time of the last polls after this process was stopped (by Ctrl-Z, a debugger, a paused
/// container) while the time limit passed.
const LAST_LOOK: Duration = Duration::from_millis(250);

/// What takes so much longer than it may shows that this process was stopped.
const STOPPED_FOR: Duration = Duration::from_millis(50);

/// A wait for one condition after the other, within one time limit.
pub(super) struct Wait<'a> {
    values: &'a Placeholders,
    client: &'a Client,
    fail_on: Vec<FailOn>,
    began: Instant,
    deadline: Instant,
    /// The time limit in messages: that of the executor, or what the process has asked for.
    limit: Duration,
    /// A poll has taken more time than it had, and another one was made.
    has_overrun: bool,
    /// The number of times that the current condition was polled.
    polls: u64,
    pace: Pace,
    _sleeps: PreciseSleeps,
    watcher: Watcher,
    /// Become readable when the process announces something.
    announcements: Vec<Arc<dyn AsFd>>,
    progress: Progress,
}

/// A condition that does not hold, and what was seen instead.
struct Unmet {
    what: String,
    seen: String,
}

impl<'a> Wait<'a> {
    /// The time between two polls of what the kernel reports. They are needed because a watched file
    /// may be moved away.
    const STEP_WOKEN: Duration = Duration::from_millis(250);

    pub(super) fn new(
        values: &'a Placeholders,
        client: &'a Client,
        fail_on: Vec<FailOn>,
        began: Instant,
        limit: Duration,
        pace: Pace,
    ) -> Self {
        Self {
            values,
            client,
            fail_on,
            began,
            deadline: began + limit,
            limit,
            has_overrun: false,
            polls: 0,
            pace,
            _sleeps: PreciseSleeps::begin(),
            watcher: Watcher::new(),
            announcements: Vec::new(),
            progress: Progress::new(began, limit),
        }
    }

    /// Waits until all of the conditions hold at the same time, and returns what they found.
    pub(super) fn for_all(&mut self, all: &mut [Box<dyn Condition>]) -> Result<Found> {
        loop {
            let found = (0..all.len()).map(|at| self.until(all, at)).collect::<Result<Found>>()?;
            // A condition that held may not hold any more, as with a server that starts twice.
            if all.len() < 2 {
                return Ok(found);
            }
            match self.poll_all(all)? {
                Ok(found) => return Ok(found),
                Err(unmet) => self.pause(all, unmet)?,
            }
        }
    }

    /// Keeps for later starts how long this wait took until then.
    pub(super) fn remember(&self, ready: Instant) {
        self.pace.remember(ready);
    }

    /// Waits until the condition at this index holds.
    fn until(&mut self, all: &mut [Box<dyn Condition>], at: usize) -> Result<Found> {
        self.polls = 0;
        let mut is_woken = false;
        loop {
            // The state is read before the poll: if the process has exited by then, the poll sees all
            // of its output. Whatever happens between the two wakes the sleep.
            self.watcher.clear();
            self.watch_fail_on();
            let state = self.client.state();
            self.check_fail_on()?;
            self.observe(all)?;
            let polled = Instant::now();
            let condition = all[at].as_mut();
            let (seen, wake) = match self.poll_watched(condition)? {
                Poll::Ready(found) => return Ok(found),
                Poll::Pending { seen, wake } => (seen, wake),
            };
            check_alive(&state, || seen.clone())
                .map_err(|error| with_attempts(error, self.explained(condition, &seen).0))?;
            let now = Instant::now();
            if !self.has_overrun && now > self.deadline + STOPPED_FOR {
                self.has_overrun = true;
                self.look_again(now);
            }
            if now >= self.deadline {
                let (attempts, help) = self.explained(condition, &seen);
                return Err(self.timed_out(attempts).with_help(help));
            }
            self.report_progress(&|| condition.describe(), &seen, &|| condition.hint());
            let was_woken = std::mem::replace(&mut is_woken, self.wakes(&wake));
            let step = if is_woken {
                Self::STEP_WOKEN
            } else {
                if was_woken {
                    self.pace.quicken(now);
                }
                self.pace.step(now, now - polled)
            };
            self.sleep(step.min(self.deadline - now), all, is_woken)?;
        }
    }

    /// Polls a condition. What wakes a sleep has to be watched before the poll that leads to it:
    /// between the poll and the watch, a change would wake nothing. So the condition is polled again
    /// after each new watch, at the first poll and after each change.
    fn poll_watched(&mut self, condition: &mut dyn Condition) -> Result<Poll> {
        self.polls += 1;
        loop {
            let poll = condition.poll(&self.attempt())?;
            match &poll {
                Poll::Pending { wake: Wake::Paths(paths), .. } if self.watch(paths) => {}
                _ => return Ok(poll),
            }
        }
    }

    /// Watches the paths that are not watched yet. Returns true if there was one that now is.
    fn watch(&mut self, paths: &[PathBuf]) -> bool {
        let watcher = &mut self.watcher;
        let new = paths.iter().filter(|path| !watcher.is_watching(path)).collect::<Vec<_>>();
        new.into_iter().filter(|path| watcher.watch(path)).count() > 0
    }

    /// Returns true if the kernel reports when to poll again.
    fn wakes(&self, wake: &Wake) -> bool {
        match wake {
            Wake::Timer => false,
            Wake::Paths(paths) => {
                !paths.is_empty() && paths.iter().all(|path| self.watcher.is_watching(path))
            }
            Wake::Announced => !self.announcements.is_empty(),
        }
    }

    /// Lets all conditions read what the process announces, whichever is waited for: the process
    /// would block if nothing read it, and it may ask for more time.
    fn observe(&mut self, all: &mut [Box<dyn Condition>]) -> Result<()> {
        self.announcements.clear();
        for condition in all {
            let observed = condition.observe(&self.attempt())?;
            self.announcements.extend(observed.fd);
            if let Some(extended) = observed.extended_until.filter(|it| *it > self.deadline) {
                (self.deadline, self.limit) = (extended, extended - self.began);
            }
        }
        Ok(())
    }

    fn watch_fail_on(&mut self) {
        self.fail_on.iter().for_each(|fail_on| fail_on.watch(&mut self.watcher));
    }

    fn check_fail_on(&mut self) -> Result<()> {
        let deadline = self.deadline;
        self.fail_on.iter_mut().try_for_each(|fail_on| fail_on.check(deadline))
    }

    /// Polls each condition once more. Returns what they found, or the first that does not hold.
    fn poll_all(&self, all: &mut [Box<dyn Condition>]) -> Result<Result<Found, Unmet>> {
        let mut found = Vec::new();
        for condition in all {
            match condition.poll(&self.attempt())? {
                Poll::Ready(one) => found.push(one),
                Poll::Pending { seen, .. } => {
                    return Ok(Err(Unmet { what: condition.describe(), seen }));
                }
            }
        }
        Ok(Ok(found.into_iter().collect()))
    }

    /// Sleeps for a moment after a condition that held does not hold any more.
    fn pause(&mut self, all: &mut [Box<dyn Condition>], Unmet { what, seen }: Unmet) -> Result<()> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(self.timed_out(self.attempts(what, seen)));
        }
        self.report_progress(&|| what.clone(), &seen, &|| None);
        let step = self.pace.step(now, Duration::ZERO);
        self.sleep(step.min(self.deadline - now), all, false)
    }

    /// Sleeps until something has happened or the step is over. Without `is_woken`, no change of a
    /// file is a reason to poll the condition: a server that is not ready may log each request, and
    /// that line would trigger the next request at once.
    fn sleep(
        &mut self,
        step: Duration,
        all: &mut [Box<dyn Condition>],
        is_woken: bool,
    ) -> Result<()> {
        let end = Instant::now() + step;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let is_over = self.sleep_once(left, is_woken) || is_woken;
            let now = Instant::now();
            if now > end + STOPPED_FOR {
                self.look_again(now);
            }
            if is_over || now >= end {
                return Ok(());
            }
            self.watcher.clear();
            self.watch_fail_on();
            self.check_fail_on()?;
            self.observe(all)?;
        }
    }

    /// Leaves time for further polls after this process was stopped.
    fn look_again(&mut self, now: Instant) {
        self.deadline = self.deadline.max(now + LAST_LOOK);
    }

    /// Sleeps once. Returns true if the state of the process ended the sleep.
    fn sleep_once(&self, step: Duration, is_woken: bool) -> bool {
        let watcher = self.watcher.as_fd().filter(|_| is_woken || !self.fail_on.is_empty());
        let announcements = self.announcements.iter().map(|fd| fd.as_fd());
        let fds: Vec<_> =
            std::iter::once(self.client.as_fd()).chain(watcher).chain(announcements).collect();
        sys::wait_readable(&fds, Some(step)).is_ok_and(|ready| ready.first() == Some(&true))
    }

    /// Reports a wait that takes long on stderr. The hint is asked for only if a report is due.
    fn report_progress(
        &mut self,
        what: &dyn Fn() -> String,
        seen: &str,
        hint: &dyn Fn() -> Option<String>,
    ) {
        if !self.progress.is_due() {
            return;
        }
        let hint = hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        let what = || format!("{}: {}", self.client.name(), what());
        self.progress.tick(&what, &format!("{seen}{hint}"));
    }

    /// Returns what an error says about a condition that did not hold: the attempts, and the help.
    fn explained(&self, condition: &dyn Condition, last: &str) -> (Attempts, String) {
        let Explanation { seen, help } = condition.explain();
        let seen = seen.unwrap_or_else(|| last.to_owned());
        if loopback::is_down() {
            let seen = format!("{seen}; the loopback interface is down");
            return (self.attempts(condition.describe(), seen), loopback::HELP.to_owned());
        }
        let attempts = self.attempts(condition.describe(), seen);
        (attempts, help.unwrap_or_else(|| RAISE_TIMEOUT.to_owned()))
    }

    fn timed_out(&self, attempts: Attempts) -> Error {
        let limit = Limit(self.limit);
        let text = format!("not ready within {limit}: {}", attempts.what);
        with_attempts(Error::new(ErrorKind::Timeout, text), attempts)
    }

    fn attempt(&self) -> Attempt<'a> {
        Attempt { values: self.values, client: self.client, deadline: self.deadline }
    }

    fn attempts(&self, what: String, last: String) -> Attempts {
        let Self { began, limit, polls, .. } = *self;
        let elapsed = began.elapsed();
        Attempts { what, last, count: polls, elapsed, limit }
    }
}

fn with_attempts(error: Error, attempts: Attempts) -> Error {
    error.with_report(|report| report.attempts = Some(attempts))
}

/// Fails if the process has exited, or if its main process failed and left others behind.
pub(super) fn check_alive(state: &State, last: impl Fn() -> String) -> Result<()> {
    let ended = state.ended();
    let failed = state.previous_main_exit.filter(|exit| !exit.success());
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
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::supervisor::SupervisorInfo;

    /// A file that is created right after the first poll has not found it.
    struct CreatedInBetween(PathBuf);

    impl Condition for CreatedInBetween {
        fn describe(&self) -> String {
            "a file".to_owned()
        }

        fn poll(&mut self, _attempt: &Attempt<'_>) -> Result<Poll> {
            if self.0.exists() {
                return Ok(Poll::Ready(Found::default()));
            }
            std::fs::write(&self.0, "").unwrap();
            Ok(Poll::pending_on("no file", self.0.parent().map(PathBuf::from)))
        }
    }

    #[test]
    #[cfg(all(target_os = "linux", not(mirakuru_fallback)))]
    fn a_change_between_the_poll_and_the_watch_is_seen_at_once() {
        let dir = std::env::temp_dir().join(format!("mirakuru-wait-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let remote = SupervisorInfo {
            pid: std::process::id() as i32,
            started: 0,
            mark: "MIRAKURU_PROCESS=of-no-process".to_owned(),
            name: "server".to_owned(),
            stop_timeout: Duration::from_secs(1),
        };
        let (client, values) = (Client::attach(ours, remote), Placeholders::default());
        let limit = Duration::from_secs(10);
        let mut wait =
            Wait::new(&values, &client, Vec::new(), Instant::now(), limit, Pace::new(None));
        let poll = wait.poll_watched(&mut CreatedInBetween(dir.join("file"))).unwrap();
        std::fs::remove_dir_all(dir).unwrap();
        assert_eq!(poll, Poll::Ready(Found::default()));
        assert_eq!(wait.polls, 1);
    }
}
