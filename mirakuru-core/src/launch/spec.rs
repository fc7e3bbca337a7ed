//! The description of a process, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::default_name;
use super::external::External;
use super::set_up::SetUpSpec;
use crate::command::{self, CommandLine, Environment, Stdin};
use crate::error::Result;
use crate::readiness::{ConditionSpec, Identity};
use crate::resources::placeholders::{Others, Part, Text, Texts};
use crate::resources::ports::Reservation;
use crate::supervisor::Interrupt;
use crate::syntax::template::{Captured, Piece, Template};
use crate::types::{ExpectedExit, Owner, Scope, Signal};

/// The keys of executors whose process cannot bind a port that is reserved by a bound socket.
static NEEDS_LOCK_FILE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The description of a process that an executor gives, with placeholders.
#[derive(Clone, Debug)]
pub(crate) struct ProcessSpec {
    pub(crate) command: CommandLine,
    pub(crate) more_args: Vec<OsString>,
    pub(crate) name: Option<String>,
    /// What the tests call the process. It is the name of one whose program says nothing.
    pub(crate) label: Option<String>,
    pub(crate) environment: Environment,
    pub(crate) current_dir: Option<PathBuf>,
    pub(crate) stdin: Stdin,
    pub(crate) set_up: SetUpSpec,
    pub(crate) conditions: Vec<Arc<dyn ConditionSpec>>,
    /// Patterns of lines after which the process will never be ready.
    pub(crate) fail_on: Vec<String>,
    /// The addresses of the listening sockets that the process inherits.
    pub(crate) listens: Vec<String>,
    /// A connection is made even where the kernel proves that the process listens.
    pub(crate) connects: bool,
    pub(crate) owner: Owner,
    pub(crate) timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) stop_signal: Signal,
    pub(crate) kill_signal: Signal,
    pub(crate) expect_exit: Option<ExpectedExit>,
    /// The server that is used instead, if it runs already.
    pub(crate) external: Option<External>,
    /// The number that `{port}` stands for, instead of a free one.
    pub(crate) port: Option<u16>,
    /// Where the compiler put the binaries of the package under test.
    pub(crate) known_bins: BTreeMap<String, PathBuf>,
    pub(crate) scope: Option<Scope>,
    /// The processes whose placeholders may stand in texts, `{db.port}`.
    pub(crate) others: Others,
    /// Ends the process while another thread starts it.
    pub(crate) interrupt: Option<Arc<Interrupt>>,
    /// What stands before each line of output on standard output, if it is printed there.
    pub(crate) prefix: Option<String>,
}

impl ProcessSpec {
    pub(crate) fn new(command: CommandLine) -> Self {
        Self {
            command,
            more_args: Vec::new(),
            name: None,
            label: None,
            environment: Environment::default(),
            current_dir: None,
            stdin: Stdin::default(),
            set_up: SetUpSpec::default(),
            conditions: Vec::new(),
            fail_on: Vec::new(),
            listens: Vec::new(),
            connects: false,
            owner: Owner::default(),
            timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            stop_signal: Signal::TERM,
            kill_signal: Signal::KILL,
            expect_exit: None,
            external: None,
            port: None,
            known_bins: BTreeMap::new(),
            scope: None,
            others: Others::default(),
            interrupt: None,
            prefix: None,
        }
    }

    /// Returns the name of the process in messages.
    pub(crate) fn display_name(&self) -> String {
        let label = || self.label.clone();
        self.name.clone().unwrap_or_else(|| default_name::of(&self.command, label))
    }

    /// Returns the name of the process in messages, and behind it what tests call the process, if that
    /// is another word.
    pub(crate) fn names(&self) -> Vec<String> {
        let name = self.display_name();
        let label = self.label.clone().filter(|label| *label != name);
        std::iter::once(name).chain(label).collect()
    }

    /// Returns the words of the command, with placeholders.
    pub(super) fn words(&self) -> Result<Vec<OsString>> {
        let mut words = self.command.words()?;
        words.extend(self.more_args.iter().cloned());
        command::check_words(&words)?;
        Ok(words)
    }

    /// Returns the names of the placeholders to which the process itself gives values.
    pub(crate) fn captured(&self) -> Vec<String> {
        match self.external {
            // Its port is known, and its output is not.
            Some(_) => Vec::new(),
            None => self.conditions.iter().flat_map(|condition| condition.captures()).collect(),
        }
    }

    /// Returns all texts in which placeholders may stand.
    pub(super) fn texts<'a>(&'a self, words: &'a [OsString]) -> Texts<'a> {
        let words = words.iter().map(|word| (Part::Command, word.as_os_str()));
        let variables = self.environment.changes.iter();
        let variables = variables
            .filter_map(|(name, value)| Some((Part::Variable(name), value.as_ref()?.as_os_str())));
        let dir = self.current_dir.iter().map(|dir| (Part::WorkingDir, dir.as_os_str()));
        let texts = words.chain(variables).chain(dir);
        let texts = texts.filter_map(|(part, text)| Some(Text { part, text: text.to_str()? }));
        let listens = self.listens.iter().map(|text| Text { part: Part::Key("listen"), text });
        let conditions = self.conditions.iter().flat_map(|condition| {
            let part = Part::Key(condition.key());
            condition.templates().into_iter().map(move |text| Text { part, text })
        });
        Texts {
            early: texts.chain(listens).chain(self.set_up.early_texts()).collect(),
            late: conditions.chain(self.set_up.late_texts()).collect(),
            captured: self.captured(),
            external: self.external.as_ref().and_then(External::address).map(|it| it.number()),
            port: self.port,
            others: &self.others,
        }
    }

    /// Returns true if the process has a URL when it is ready.
    pub(crate) fn awaits_url(&self) -> bool {
        self.conditions.iter().any(|condition| condition.key() == "http")
    }

    /// Returns true if a port is reserved for the process.
    pub(crate) fn has_port(&self) -> bool {
        let words = self.words().unwrap_or_default();
        let Texts { early, late, .. } = self.texts(&words);
        self.ports(early.iter().chain(&late).map(|it| it.text)).next().is_some()
    }

    /// Returns the placeholder of a port that the process is given, if nothing is waited for.
    pub(super) fn unawaited_port(&self) -> Option<String> {
        let words = self.words().ok().filter(|_| self.conditions.is_empty())?;
        self.ports(self.texts(&words).early.iter().map(|it| it.text)).next()
    }

    /// Returns the placeholder of a port that is waited for, if no port is given to the process.
    pub(super) fn ungiven_port(&self) -> Option<String> {
        let words = self.words().ok().filter(|_| self.port.is_none() && self.external.is_none())?;
        let awaited = self.conditions.iter().flat_map(|condition| condition.templates());
        let awaited = self.ports(awaited).next()?;
        let given = self.texts(&words).early;
        self.ports(given.iter().map(|it| it.text)).next().is_none().then_some(awaited)
    }

    /// Returns the placeholders of the ports in these texts that are reserved for the process.
    fn ports<'a>(&self, texts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = String> {
        let captured = self.captured();
        let parse = move |text| Template::parse(text, Captured::These(&captured)).ok();
        let pieces = texts.filter_map(parse).flat_map(|template| template.pieces);
        pieces.filter_map(|piece| {
            let (kind, name) = match piece {
                Piece::Port(name) => ("port", name),
                Piece::Udp(name) => ("udp", name),
                Piece::LowPort(name) => ("low_port", name),
                _ => return None,
            };
            let text = if name.is_empty() { kind.to_owned() } else { format!("{kind}:{name}") };
            Some(format!("{{{text}}}"))
        })
    }

    /// Returns how ports are reserved for the process at the first try.
    pub(crate) fn reservation(&self) -> Reservation {
        let known = NEEDS_LOCK_FILE.lock();
        let needs_lock_file = !known.is_empty() && self.key().is_ok_and(|key| known.contains(&key));
        if needs_lock_file { Reservation::LockFile } else { Reservation::Bound }
    }

    /// Remembers that the process cannot bind a port that is reserved by a bound socket, so that the
    /// next start does not try that again.
    pub(crate) fn remember_to_lock(&self) {
        // Without a key, the next start tries it again.
        if let Ok(key) = self.key() {
            NEEDS_LOCK_FILE.lock().insert(key);
        }
    }

    /// Returns the identity of the spec in hexadecimal digits. Two specs have the same key exactly if
    /// they say the same. Keys are the same in all processes that run the same build.
    ///
    /// # Errors
    ///
    /// Fails if a condition has no identity.
    pub(crate) fn key(&self) -> Result<String> {
        Ok(self.identity()?.to_hex())
    }

    /// Returns a number for the spec, if it has a key. Others may have the same number.
    pub(crate) fn hash(&self) -> Option<u64> {
        let mut hasher = DefaultHasher::new();
        self.identity().ok()?.hash(&mut hasher);
        Some(hasher.finish())
    }

    fn identity(&self) -> Result<Identity> {
        let Self {
            command,
            more_args,
            name,
            environment,
            current_dir,
            stdin,
            set_up,
            conditions,
            fail_on,
            listens,
            connects,
            owner,
            timeout,
            stop_timeout,
            stop_signal,
            kill_signal,
            expect_exit,
            external,
            port,
            // Where a binary was found, who shares or starts the process, what tests call it and the
            // values of others do not describe the process.
            label: _,
            known_bins: _,
            scope: _,
            others: _,
            interrupt: _,
            prefix: _,
        } = self;
        let mut identity = Identity::default();
        let current_dir = current_dir.as_ref().map(|dir| dir.as_os_str());
        identity.add((command, more_args, name, environment, current_dir, stdin, set_up));
        identity.add((fail_on, listens, connects, owner, timeout, stop_timeout));
        identity.add((stop_signal, kill_signal, expect_exit, external, port, conditions.len()));
        for condition in conditions {
            identity.add(condition.key());
            condition.identify(&mut identity)?;
        }
        Ok(identity)
    }
}
