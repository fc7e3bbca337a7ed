//! Servers of other tests, which are in the way of one that is to be started.

use std::ffi::{CStr, OsString};
use std::fs;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::progress::Progress;
use super::runner;
use crate::sys;

/// Marks the server and everything it spawns, unless they clear their environment. By it, a test
/// process finds what a killed supervisor has left, and of which run a server is.
pub(crate) const MARK_VARIABLE: &str = "MIRAKURU_PROCESS";

/// The name of a supervisor, for `ps`.
pub(crate) const SUPERVISOR: &CStr = c"mirakuru";

/// The name of a supervisor that ends. By it, other runs know that they can wait for that.
pub(crate) const ENDING_SUPERVISOR: &CStr = c"mirakuru-ends";

/// How long a supervisor that ends is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// The interval at which the wait is reported.
const STEP: Duration = Duration::from_millis(100);

/// A server that these or other tests have started.
pub(crate) struct OtherServer {
    /// A process of it.
    member: i32,
    supervisor: i32,
    is_ending: bool,
}

impl OtherServer {
    /// Returns the server that a process belongs to.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let own = std::process::id() as i32;
        let above = std::iter::successors(Some(pid), |pid| sys::parent_of(*pid));
        above.take_while(|pid| *pid != own).find_map(|supervisor| {
            let name = sys::program_name(supervisor)?;
            let is = |of_supervisor: &CStr| name.as_bytes() == of_supervisor.to_bytes();
            let is_ending = is(ENDING_SUPERVISOR);
            (is_ending || is(SUPERVISOR)).then_some(Self { member: pid, supervisor, is_ending })
        })
    }

    /// Waits until the server is gone, if it is being stopped. Returns true if it is gone.
    pub(crate) fn wait_for_end(&self, why: &str) -> bool {
        let started = sys::start_time(self.supervisor).filter(|_| self.is_ending);
        let Some(started) = started else { return false };
        let Some(process) = sys::Process::open(self.supervisor, started) else { return true };
        let began = Instant::now();
        let mut progress = Progress::new(began, LIMIT);
        while process.is_alive() {
            if began.elapsed() >= LIMIT {
                return false;
            }
            progress.tick(&|| format!("the stop of an earlier server: {why}"), "");
            let _ = sys::wait_readable(process.as_fd().as_slice(), Some(STEP)); // Readable when it ends.
        }
        true
    }

    /// Says which tests have started the server, and how both can have theirs.
    pub(crate) fn help(&self) -> String {
        let binary = fs::read_link(format!("/proc/{}/exe", self.supervisor)).ok();
        let own = std::env::current_exe().ok();
        let is_own_binary = binary.is_some() && binary == own;
        let name = binary.as_ref().and_then(|path| path.file_name());
        let name = name.map_or("?".into(), |name| name.to_string_lossy());
        let own_address = "give each process an address of its own by {port} or {dir}";
        match self.is_of_this_run() {
            true if is_own_binary => {
                format!("these tests have started that server: let them share it, or {own_address}")
            }
            true => format!(
                "the test binary `{name}` of this run has started that server: let both use the same \
                 definition with `scope = \"session\"`, or {own_address}"
            ),
            false => format!(
                "another run of the test binary `{name}` has started that server: wait for the end of \
                 that run, or {own_address}"
            ),
        }
    }

    fn is_of_this_run(&self) -> bool {
        let mark = || sys::variable_of(self.member, MARK_VARIABLE);
        sys::is_below(self.supervisor, std::process::id() as i32)
            || own_run().is_some_and(|run| mark().is_some_and(|mark| mark.ends_with(&run)))
    }
}

/// Returns the end of the marks of this run of the tests.
fn own_run() -> Option<String> {
    let runner = runner::find().ok().flatten()?;
    Some(format!("@{}-{}", runner.pid, runner.started))
}

/// What this process has in all of its marks.
#[derive(Clone)]
struct OwnMarks {
    pid: u32,
    started: u64,
    run: String,
}

impl OwnMarks {
    /// Found once: the search for the runner reads several files of `/proc`.
    fn get() -> Self {
        static KNOWN: Mutex<Option<OwnMarks>> = Mutex::new(None);
        let pid = std::process::id();
        let mut known = KNOWN.lock();
        let make = || Self {
            pid,
            started: sys::start_time(pid as i32).unwrap_or_default(),
            run: own_run().unwrap_or_default(),
        };
        match &*known {
            Some(known) if known.pid == pid => known.clone(),
            _ => known.insert(make()).clone(), // The other one is that of the parent, in a fork.
        }
    }
}

/// Kills what is left of a server with this environment.
pub(crate) fn kill_marked_by(environment: &[(OsString, OsString)]) {
    const TIMEOUT: Duration = Duration::from_secs(10);
    let mark = environment.iter().find(|(name, _)| name == MARK_VARIABLE);
    if let Some(value) = mark.and_then(|(_, value)| value.to_str()) {
        sys::kill_marked(&format!("{MARK_VARIABLE}={value}"), Instant::now() + TIMEOUT);
    }
}

/// Returns the mark of a server: a variable with a value that no other server has. `number` is that of
/// the server in this process.
pub(crate) fn mark(number: u64) -> String {
    let OwnMarks { pid, started, run } = OwnMarks::get();
    // Another version of this library in this process counts by itself.
    let version = env!("CARGO_PKG_VERSION");
    format!("{MARK_VARIABLE}={pid}-{started}-{number}-{version}{run}")
}
