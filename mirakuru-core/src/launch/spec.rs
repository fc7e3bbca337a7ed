//! What an executor says, before anything of it is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;

use crate::command::{CommandLine, Environment, Stdin};
use crate::error::Result;
use crate::readiness::ConditionSpec;
use crate::resources::ports::Reservation;
use crate::types::Scope;
use crate::types::Signal;

/// The keys of definitions whose processes cannot have a port that is held.
static TO_LOCK: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// What an executor says.
#[derive(Clone, Debug)]
pub(crate) struct ProcessSpec {
    pub(crate) command: CommandLine,
    pub(crate) more_args: Vec<OsString>,
    pub(crate) name: Option<String>,
    pub(crate) environment: Environment,
    pub(crate) current_dir: Option<PathBuf>,
    pub(crate) stdin: Stdin,
    pub(crate) wanted: Vec<ConditionSpec>,
    /// Lines that mean that the process will never be ready.
    pub(crate) fatal: Vec<String>,
    /// The addresses of sockets that the process is handed.
    pub(crate) listens: Vec<String>,
    pub(crate) timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) stop_signal: Signal,
    pub(crate) kill_signal: Signal,
    pub(crate) expect_exit: Option<i32>,
    pub(crate) known_bins: BTreeMap<String, PathBuf>,
    pub(crate) scope: Option<Scope>,
}

impl ProcessSpec {
    pub(crate) fn new(command: CommandLine) -> Self {
        Self {
            command,
            more_args: Vec::new(),
            name: None,
            environment: Environment::default(),
            current_dir: None,
            stdin: Stdin::default(),
            wanted: Vec::new(),
            fatal: Vec::new(),
            listens: Vec::new(),
            timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            stop_signal: Signal::TERM,
            kill_signal: Signal::KILL,
            expect_exit: None,
            known_bins: BTreeMap::new(),
            scope: None,
        }
    }

    /// What messages call the process.
    pub(crate) fn display_name(&self) -> String {
        let program = || {
            let words = self.command.words().unwrap_or_default();
            let program = words.first().map(PathBuf::from).unwrap_or_default();
            let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
            // A binary of the package under test is called by its own name.
            let bin = name.strip_prefix("{bin:").and_then(|rest| rest.strip_suffix('}'));
            bin.unwrap_or(&name).to_owned()
        };
        self.name.clone().unwrap_or_else(program)
    }

    /// The placeholders that the process itself gives a value to.
    pub(crate) fn captured(&self) -> Vec<String> {
        self.wanted.iter().flat_map(ConditionSpec::captured).collect()
    }

    /// Whether a port is given to the process.
    pub(crate) fn has_port(&self) -> bool {
        format!("{self:?}").contains("{port")
    }

    /// Which way a port is kept for the process at first.
    pub(crate) fn keep(&self) -> Reservation {
        let to_lock = TO_LOCK.lock();
        let locks = !to_lock.is_empty() && self.key().is_ok_and(|key| to_lock.contains(&key));
        if locks { Reservation::LockFile } else { Reservation::Bound }
    }

    /// The process cannot have a port that is held: the next start does not try that again.
    pub(crate) fn remember_to_lock(&self) {
        if let Ok(key) = self.key() {
            TO_LOCK.lock().insert(key);
        }
    }

    /// What tells this definition from others. Two that say the same are the same.
    pub(crate) fn key(&self) -> Result<String> {
        let mut said = self.clone();
        // Where a binary was found, and who shares the process, is not what the definition says.
        said.known_bins.clear();
        said.scope = None;
        Ok(format!("{said:?}"))
    }
}
