//! The report that a failing test prints about its servers.

use std::fmt;
use std::panic::{self, PanicHookInfo};
use std::sync::{Arc, Once, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::{Server, kept};
use crate::error::Output;
use crate::output::Log;
use crate::supervisor::{Client, Phase, State};
use crate::sys;

/// The number of output lines that a failing test prints for each server.
const LINES_SHOWN: usize = 50;

/// The time that the supervisor gets to report an end that the kernel has announced.
///
/// A test sees the end of its server (a connection that is reset) before the supervisor does.
const REPORT_LAG: Duration = Duration::from_millis(500);

/// The same where the kernel does not say whether the process is exiting.
const UNANNOUNCED_LAG: Duration = Duration::from_millis(100);

/// The reports of the tests that run, each with the thread that uses the servers.
static OPEN: Mutex<Vec<(Thread, Weak<FailureReport>)>> = Mutex::new(Vec::new());

/// The report of a failing test: a snapshot of each of its servers.
pub(crate) struct FailureReport {
    servers: Vec<Arc<ServerView>>,
}

impl FailureReport {
    pub(crate) fn new(servers: Vec<Arc<ServerView>>) -> Self {
        Self { servers }
    }

    /// Returns the snapshots of the servers.
    pub(crate) fn servers(&self) -> Vec<Arc<ServerView>> {
        self.servers.clone()
    }

    /// Prints the state of each server and its last lines since the test leased it to where the
    /// test prints. Servers that died come first, because that may be why the test fails.
    pub(crate) fn print(&self) {
        print(self.servers.iter());
    }

    /// Makes a report that is also printed where no destructor prints it: when a panic aborts the
    /// process, and when rstest ends the test at its time limit. The body of a sync test runs on a
    /// thread of its own then, which has the name of the test's thread, and is left there: it does not
    /// panic, and keeps its servers.
    pub(crate) fn open(servers: Vec<Arc<ServerView>>) -> Arc<Self> {
        static HOOK: Once = Once::new();
        if !thread::panicking() {
            HOOK.call_once(|| {
                let former = panic::take_hook();
                panic::set_hook(Box::new(move |info| {
                    if cfg!(panic = "abort") {
                        // No destructor runs, and the hook of libtest ends the process.
                        print_open(|_| true);
                    }
                    former(info);
                    print_at_time_limit(info);
                }));
            });
        }
        let report = Arc::new(Self::new(servers));
        let mut open = OPEN.lock();
        open.retain(|(_, report)| report.strong_count() > 0);
        open.push((thread::current(), Arc::downgrade(&report)));
        report
    }
}

/// Prints the servers that no other report has printed.
fn print<'a>(servers: impl Iterator<Item = &'a Arc<ServerView>>) {
    let unprinted: Vec<_> = servers.filter(|server| server.log.claim_report()).collect();
    let mut snapshots: Vec<_> = unprinted.iter().map(|server| server.snapshot()).collect();
    snapshots.sort_by_key(|snapshot| snapshot.fate != Fate::Died);
    for snapshot in snapshots {
        eprintln!("{snapshot}");
    }
    for server in unprinted.into_iter().filter(|server| server.external.is_none()) {
        kept::keep(&server.client, &server.name, &server.contacts);
    }
}

fn print_at_time_limit(panic: &PanicHookInfo<'_>) {
    let file = panic.location().map_or("", |location| location.file());
    if !(file.contains("rstest") && file.ends_with("timeout.rs")) {
        return;
    }
    let current = thread::current();
    print_open(|thread| thread.name() == current.name());
}

/// Prints the servers that these threads use.
fn print_open(is_of_test: impl Fn(&Thread) -> bool) {
    let open = OPEN.lock();
    let of_test = open.iter().filter(|(thread, _)| is_of_test(thread));
    let reports: Vec<_> = of_test.filter_map(|(_, report)| report.upgrade()).collect();
    drop(open);
    let mut servers: Vec<_> = reports.iter().flat_map(|report| &report.servers).collect();
    // A lease and the attribute may both have one for the same server.
    servers.sort_by_key(|server| server.log.path());
    servers.dedup_by_key(|server| server.log.path());
    print(servers.into_iter());
}

/// Observes a server, also after its owner was dropped.
pub(crate) struct ServerView {
    name: String,
    client: Arc<Client>,
    log: Log,
    /// Where it can be reached, if it may be kept.
    contacts: String,
    /// The address by which a test knows it.
    address: Option<String>,
    /// The command that connects to it.
    connect: Option<String>,
    /// The placeholder of its port, if the test began before it could listen there.
    unawaited_port: Option<String>,
    /// Where it is, if it was not started here.
    external: Option<String>,
}

impl ServerView {
    pub(super) fn new(server: &Server, contacts: String) -> Self {
        let (address, connect) = (kept::address(server), kept::connect(server));
        let external = server.plan.external.as_ref().map(ToString::to_string);
        let unawaited_port = server.plan.unawaited_port.clone();
        let (name, client, log) = (server.plan.name.clone(), server.client(), server.log());
        Self { name, client, log, contacts, address, connect, unawaited_port, external }
    }

    fn snapshot(&self) -> ServerSnapshot<'_> {
        let state = self.settled_state();
        let has_ended = matches!(state.phase, Phase::Ended | Phase::SupervisorKilled);
        let fate = match has_ended {
            true if self.client.stop_requested() => Fate::Stopped,
            true => Fate::Died,
            false => Fate::Other,
        };
        let output = self.log.excerpt(LINES_SHOWN, fate == Fate::Died);
        ServerSnapshot { view: self, state, fate, output }
    }

    /// Returns the state, after the supervisor has reported an end that is on its way.
    fn settled_state(&self) -> State {
        let state = self.client.state();
        if !state.is_running() {
            return state;
        }
        let lag = match sys::is_ending(state.main) {
            _ if self.client.stop_requested() => REPORT_LAG,
            Some(true) => REPORT_LAG,
            Some(false) => Duration::ZERO,
            None => UNANNOUNCED_LAG,
        };
        let ended = self.client.wait(Instant::now() + lag, |state| !state.is_running());
        ended.unwrap_or_else(|| self.client.state())
    }
}

/// A server at one moment.
struct ServerSnapshot<'a> {
    view: &'a ServerView,
    state: State,
    fate: Fate,
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It ended by itself.
    Died,
    /// It ended because the test asked for it.
    Stopped,
    Other,
}

impl fmt::Display for ServerSnapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { view, state, fate, output } = self;
        let ServerView { name, contacts, address, connect, unawaited_port, external, .. } = view;
        if let Some(external) = external {
            return write!(f, "--- {name}: {external}, which was not started here");
        }
        match (fate, state.ended()) {
            (Fate::Died, Some(exit)) => write!(f, "--- {name} died: it {exit}")?,
            (Fate::Stopped, Some(exit)) => write!(f, "--- {name} was stopped: it {exit}")?,
            _ => write!(f, "--- {name}: {state}")?,
        }
        let is_reached = state.is_running().then_some(address.as_ref()).flatten();
        if let Some(address) = is_reached {
            write!(f, " at {address}")?;
        }
        write!(f, ", {output}")?;
        match (connect, unawaited_port) {
            (Some(connect), _) if is_reached.is_some() && contacts.is_empty() => write!(
                f,
                "\n  help: `MIRAKURU_KEEP=failed` keeps it running, to be reached by `{connect}`"
            ),
            (_, Some(port)) if state.is_running() => {
                let key = if port.starts_with("{udp") { "udp" } else { "tcp" };
                write!(
                    f,
                    "\n  help: nothing was waited for, so the test began as soon as its program ran: add \
                     `{key} = \"127.0.0.1:{port}\"`"
                )
            }
            _ => Ok(()),
        }
    }
}
