//! A command of the set-up around a process.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::command::{self, CommandLine, Environment};
use crate::error::Result;
use crate::resources::placeholders::Placeholders;
use crate::resources::program;
use crate::supervisor::Job;
use crate::sys::Account;

/// The number of characters of a command that messages show.
const LINE_MAX: usize = 80;

/// The commands of the set-up, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    Template,
    BeforeStart,
    AfterReady,
    Reset,
}

impl StepKind {
    /// Returns the name of the builder's method.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::BeforeStart => "before_start",
            Self::AfterReady => "after_ready",
            Self::Reset => "reset",
        }
    }
}

/// What the commands have of the process.
pub(super) struct StepContext<'a> {
    pub(super) values: &'a Placeholders,
    pub(super) environment: &'a Environment,
    pub(super) dir: &'a Path,
    pub(super) account: Option<&'a Account>,
    /// The process was started by another one, which had all programs.
    pub(super) is_running: bool,
}

impl StepContext<'_> {
    fn find_program(&self, name: &OsStr) -> Result<PathBuf> {
        let found = program::find_or_expect(name, self.values.dir(), self.environment, self.dir);
        // It may never run again. If it does, the name is looked up in the working directory, not in PATH.
        if self.is_running { Ok(found.unwrap_or_else(|_| PathBuf::from(name))) } else { found }
    }

    /// Fails if the program of a command that runs later is missing. The process itself may give its
    /// name.
    pub(super) fn check_later(&self, command: &CommandLine) -> Result<()> {
        let name = &command.words()?[0];
        match name.to_str().map_or(Ok(false), |name| self.values.needs_captures(name))? {
            true => Ok(()),
            false => self.find_program(&self.values.render_os(name)?).map(drop),
        }
    }
}

pub(crate) struct Step {
    pub(crate) kind: StepKind,
    words: Vec<OsString>,
    pub(crate) program: PathBuf,
    account: Option<Account>,
    /// What it makes outside of the directory of the process.
    draft: Option<PathBuf>,
}

impl Step {
    /// Resolves a command.
    pub(super) fn new(
        kind: StepKind,
        command: &CommandLine,
        context: &StepContext<'_>,
    ) -> Result<Self> {
        let words = command.words()?;
        let render = |word| context.values.render_os(word);
        let words = words.iter().map(|word| render(word)).collect::<Result<Vec<_>>>()?;
        let program = context.find_program(&words[0])?;
        Ok(Self { kind, words, program, account: context.account.cloned(), draft: None })
    }

    /// Returns a step that copies what is in a directory, with owners, times and links. The files share
    /// their blocks where the file system can do that.
    pub(crate) fn copy(from: &Path, to: &Path, dir: &Path) -> Result<Self> {
        let flags = if cfg!(target_os = "linux") { "-a --reflink=auto" } else { "-a" };
        let program = program::find("cp".as_ref(), &Environment::default(), dir)?;
        let words = ["cp"].into_iter().chain(flags.split(' ')).map(OsString::from);
        let paths = [from.join(".").into_os_string(), to.as_os_str().to_owned()];
        let words = words.chain(paths).collect();
        // Only the user of the tests can read all files and give them to their owners.
        Ok(Self { kind: StepKind::Template, words, program, account: None, draft: None })
    }

    /// Returns a step that copies a directory to a place where it is removed if nothing moves it.
    pub(crate) fn draft(from: &Path, to: &Path, dir: &Path) -> Result<Self> {
        Ok(Self { draft: Some(to.to_owned()), ..Self::copy(from, to, dir)? })
    }

    /// Returns the step as its supervisor runs it.
    pub(crate) fn job(&self) -> Job {
        let job = Job::new(&self.program, &self.words, self.account.as_ref());
        Job { draft: self.draft.clone(), ..job }
    }

    /// Returns the command in one line, which is not too long for a message.
    pub(crate) fn line(&self) -> String {
        let line = command::in_one_line(&self.words);
        match line.char_indices().nth(LINE_MAX) {
            Some((end, _)) => format!("{} …", &line[..end]),
            None => line,
        }
    }
}
