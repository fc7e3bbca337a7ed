//! The conditions for "started", and the one loop that waits for them.
//!
//! Conditions only observe. What to do with a process that does not meet them is for the caller.

mod http;
mod output;
mod own;
mod owner;
mod pid_file;
mod tcp;
mod unix_socket;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use http::{Http, Status};
pub use own::{Attempt, Probe, Readiness};

use crate::banner::Banner;
use crate::error::{Attempts, Error, ErrorKind, Result, Seconds};
use crate::log::Files;
use crate::supervisor::{Client, Phase, State};
use crate::sys::{self, Watcher};
use crate::values::Values;

/// What the user asked to be waited for, with placeholders.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    Output(Banner),
    Tcp(String),
    Http(Http),
    UnixSocket(PathBuf),
    PidFile(PathBuf),
    Own(Arc<dyn Probe>),
}

/// One condition of one start.
trait Condition {
    /// What is waited for, as a noun.
    fn what(&self) -> String;

    /// Whether the condition would hold without the process, and why.
    fn holds_already(&mut self) -> Option<String> {
        None
    }

    /// Looks once, and returns by the deadline of the attempt.
    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness>;

    /// Lets the watcher wake up for this condition. Returns whether it does.
    fn watch(&self, _watcher: &mut Watcher) -> bool {
        false
    }

    /// Whether, after a look, the watcher alone tells when to look again.
    fn waits_for_watcher(&self) -> bool {
        true
    }

    /// Where the process answered.
    fn found(&self) -> Found {
        Found::default()
    }

    /// Whether the condition is one of a process that goes on living.
    fn needs_living(&self) -> bool {
        true
    }
}

/// Where a process answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) addr: Option<SocketAddr>,
    pub(crate) url: Option<String>,
}

/// All conditions of one start.
pub(crate) struct Conditions {
    all: Vec<Box<dyn Condition>>,
}

impl Wanted {
    /// The texts in which placeholders may stand.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Tcp(address) => vec![address],
            Self::Http(http) => http.texts(),
            Self::UnixSocket(path) | Self::PidFile(path) => path.to_str().into_iter().collect(),
            Self::Output(_) | Self::Own(_) => Vec::new(),
        }
    }

    fn condition(&self, values: &Values, dir: &Path, files: &Files) -> Result<Box<dyn Condition>> {
        Ok(match self {
            Self::Output(banner) => Box::new(output::Output::new(banner, files)?),
            Self::Tcp(address) => Box::new(tcp::Tcp::new(&values.render(address)?)?),
            Self::Http(http) => Box::new(http.condition(values, dir)?),
            Self::UnixSocket(path) => {
                Box::new(unix_socket::UnixSocket::new(absolute(path, values, dir)?)?)
            }
            Self::PidFile(path) => Box::new(pid_file::PidFile::new(absolute(path, values, dir)?)),
            Self::Own(probe) => Box::new(own::Own(Arc::clone(probe))),
        })
    }
}

/// A path as the process sees it.
fn absolute(path: &Path, values: &Values, dir: &Path) -> Result<PathBuf> {
    let path = values.render_path(path)?;
    match path.file_name() {
        Some(_) => Ok(dir.join(path)),
        None => Err(Error::invalid(format!("`{}` is not the path of a file", path.display()))),
    }
}

impl fmt::Debug for dyn Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.type_name())
    }
}

impl Conditions {
    /// The conditions, rendered and checked.
    pub(crate) fn new(
        wanted: &[Wanted],
        values: &Values,
        dir: &Path,
        files: &Files,
    ) -> Result<Self> {
        let all = wanted.iter().map(|wanted| wanted.condition(values, dir, files));
        Ok(Self { all: all.collect::<Result<_>>()? })
    }

    /// What is waited for, in one line.
    pub(crate) fn what(&self) -> String {
        match self.all.as_slice() {
            [] => "its program runs".to_owned(),
            all => all.iter().map(|one| one.what()).collect::<Vec<_>>().join(", "),
        }
    }

    /// Fails if one of the conditions would hold without the process.
    pub(crate) fn check_before_start(&mut self) -> Result<()> {
        for condition in &mut self.all {
            let Some(why) = condition.holds_already() else { continue };
            let what = condition.what();
            let error = Error::new(ErrorKind::AlreadyRunning, format!("already running: {why}"));
            return Err(error.with_report(|report| {
                report.way_out = Some(format!(
                    "{what} would be met by it; stop it, or let each process have an address of \
                     its own by {{port}} or {{dir}}"
                ));
            }));
        }
        Ok(())
    }

    /// Waits until all conditions hold.
    pub(crate) fn wait(
        mut self,
        values: &Values,
        client: &Client,
        began: Instant,
        limit: Duration,
    ) -> Result<Found> {
        let deadline = began + limit;
        let mut wait = Wait { began, deadline, limit, asked: 0, watcher: Watcher::new() };
        loop {
            for condition in &mut self.all {
                wait.until(condition.as_mut(), values, client)?;
            }
            // One that held first may not hold any more, as with a server that starts twice.
            if self.all.len() < 2 {
                break;
            }
            match self.first_unmet(&wait, values, client)? {
                None => break,
                Some((what, last)) => wait.again(what, last, client)?,
            }
        }
        if self.all.iter().any(|condition| condition.needs_living()) {
            let state = client.state();
            check_alive(&state, || "it had answered before".to_owned())?;
        }
        Ok(self.found())
    }

    /// What does not hold, and what was seen instead.
    fn first_unmet(
        &mut self,
        wait: &Wait,
        values: &Values,
        client: &Client,
    ) -> Result<Option<(String, String)>> {
        let attempt = Attempt { values, client, deadline: wait.deadline };
        for condition in &mut self.all {
            if let Readiness::NotYet(last) = condition.check(&attempt)? {
                return Ok(Some((condition.what(), last)));
            }
        }
        Ok(None)
    }

    fn found(&self) -> Found {
        let all = self.all.iter().map(|condition| condition.found());
        all.fold(Found::default(), |found, Found { addr, url }| Found {
            addr: found.addr.or(addr),
            url: found.url.or(url),
        })
    }
}

/// A wait for one condition after the other, within one time limit.
struct Wait {
    began: Instant,
    deadline: Instant,
    limit: Duration,
    asked: u64,
    watcher: Watcher,
}

impl Wait {
    /// The shortest and the longest time between two looks where the kernel does not wake us.
    const STEP_MIN: Duration = Duration::from_micros(200);
    const STEP_MAX: Duration = Duration::from_millis(10);

    /// How often to look where the watcher wakes us: what it watches may be moved away.
    const STEP_WATCHED: Duration = Duration::from_millis(250);

    /// Who is ready within a second is noticed within this time; later on, within a thousandth of
    /// the time waited.
    const STEP_EARLY: Duration = Duration::from_millis(1);

    fn until(
        &mut self,
        condition: &mut dyn Condition,
        values: &Values,
        client: &Client,
    ) -> Result<()> {
        self.asked = 0;
        loop {
            // The watch comes before the look, and so does the question whether the process lives:
            // what happens in between is noticed.
            let is_watched = condition.watch(&mut self.watcher);
            self.watcher.clear();
            let state = client.state();
            let attempt = Attempt { values, client, deadline: self.deadline };
            self.asked += 1;
            let last = match condition.check(&attempt)? {
                Readiness::Ready => return Ok(()),
                Readiness::NotYet(last) => last,
            };
            let what = || self.attempts(condition.what(), last.clone());
            check_alive(&state, || last.clone()).map_err(|error| with_attempts(error, what()))?;
            let now = Instant::now();
            if now >= self.deadline {
                return Err(self.over(condition.what(), last));
            }
            self.sleep(is_watched && condition.waits_for_watcher(), now, client);
        }
    }

    /// Goes on after a condition that had held does not hold any more.
    fn again(&self, what: String, last: String, client: &Client) -> Result<()> {
        let now = Instant::now();
        if now >= self.deadline {
            return Err(self.over(what, last));
        }
        self.sleep(false, now, client);
        Ok(())
    }

    /// The time is over.
    fn over(&self, what: String, last: String) -> Error {
        let text = format!("not ready within {}: {what}", Seconds(self.limit));
        with_attempts(Error::new(ErrorKind::Timeout, text), self.attempts(what, last))
    }

    /// Sleeps until something has happened or it is time to look again.
    fn sleep(&self, is_watched: bool, now: Instant, client: &Client) {
        let left = self.deadline - now;
        let waited = now - self.began;
        let longest = (waited / 1000).clamp(Self::STEP_EARLY, Self::STEP_MAX);
        let step = if is_watched {
            Self::STEP_WATCHED
        } else {
            (waited / 32).clamp(Self::STEP_MIN, longest)
        };
        let fds: Vec<_> =
            [Some(client.as_fd()), self.watcher.as_fd()].into_iter().flatten().collect();
        let _ = sys::wait_readable(&fds, Some(step.min(left))); // The look follows in any case.
    }

    fn attempts(&self, what: String, last: String) -> Attempts {
        let Self { began, limit, asked, .. } = *self;
        Attempts { what, last, count: asked, elapsed: began.elapsed(), limit }
    }
}

fn with_attempts(error: Error, attempts: Attempts) -> Error {
    error.with_report(|report| report.attempts = Some(attempts))
}

/// Fails if the process has ended, or if a launcher failed that left something behind.
fn check_alive(state: &State, last: impl Fn() -> String) -> Result<()> {
    let ended = state.ended();
    let failed = state.launcher.filter(|launcher| !launcher.success());
    let main_failed = state.exit.filter(|exit| !exit.success());
    if let Some(exit) = ended.or(failed).or(main_failed) {
        let error = Error::new(ErrorKind::Exited, format!("{exit} before it was ready"));
        return Err(error.with_report(|report| report.exit = Some(exit)));
    }
    if state.phase == Phase::Lost {
        let what = format!("the supervisor was killed, and the process with it ({})", last());
        return Err(Error::new(ErrorKind::Exited, what));
    }
    Ok(())
}
