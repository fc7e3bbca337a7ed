//! What a test that fails shows of a server.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::output::Log;
use crate::supervisor::{Client, Phase, State};
use crate::sys;

/// How many lines of a server's output a failing test shows.
const LINES_SHOWN: usize = 50;

/// How long the news that a server has ended may be on its way from the supervisor.
const NEWS: Duration = Duration::from_millis(500);

/// The same where the kernel does not tell whether there is any to wait for.
const RUMOUR: Duration = Duration::from_millis(100);

/// Knows a server, also when nobody has it any more.
pub(crate) struct ServerSnapshot {
    name: String,
    client: Arc<Client>,
    log: Log,
}

impl ServerSnapshot {
    pub(crate) fn new(name: &str, client: &Arc<Client>, log: Log) -> Self {
        Self { name: name.to_owned(), client: Arc::clone(client), log }
    }

    fn look(&self) -> Sight<'_> {
        let state = self.settled();
        let is_over = matches!(state.phase, Phase::Ended | Phase::SupervisorKilled);
        let fate = match is_over {
            true if self.client.was_asked_to_end() => Fate::Stopped,
            true => Fate::Died,
            false => Fate::Other,
        };
        Sight { witness: self, state, fate }
    }

    /// The state, with the end of a server that a test has seen before its supervisor.
    fn settled(&self) -> State {
        let state = self.client.state();
        if !state.is_running() {
            return state;
        }
        let patience = match sys::is_ending(state.main) {
            Some(true) => NEWS,
            Some(false) => Duration::ZERO,
            None => RUMOUR,
        };
        let ended = self.client.wait(Instant::now() + patience, |state| !state.is_running());
        ended.unwrap_or_else(|| self.client.state())
    }
}

/// Prints the state of each server and the last lines since the test leased it to where the test
/// prints: first of those that died, which may be why it fails.
pub(crate) fn show(witnesses: &[ServerSnapshot]) {
    let called = witnesses.iter().filter(|witness| witness.log.claim_report());
    let mut sights: Vec<_> = called.map(|witness| witness.look()).collect();
    sights.sort_by_key(|sight| sight.fate != Fate::Died);
    for sight in sights {
        eprintln!("{sight}");
    }
}

/// What a witness sees of its server.
struct Sight<'a> {
    witness: &'a ServerSnapshot,
    state: State,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Died,
    Stopped,
    Other,
}

impl fmt::Display for Sight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { witness: ServerSnapshot { name, log, .. }, state, fate } = self;
        match (fate, state.ended()) {
            (Fate::Died, Some(exit)) => write!(f, "--- {name} died: it {exit}")?,
            (Fate::Stopped, Some(exit)) => write!(f, "--- {name} was stopped: it {exit}")?,
            _ => write!(f, "--- {name}: {state}")?,
        }
        write!(f, ", {}", log.excerpt(LINES_SHOWN))
    }
}
