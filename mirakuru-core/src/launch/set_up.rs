//! What is set up around a process: files, and commands before and after its start.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::command::{self, CommandLine, Environment};
use crate::error::{Error, ErrorKind, Result};
use crate::resources::placeholders::Placeholders;
use crate::resources::program;
use crate::syntax::file_path;
use crate::sys::{self, Account};

/// The number of characters of a command that messages show.
const LINE_MAX: usize = 80;

/// What an executor says about it, with placeholders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct SetUpSpec {
    /// The paths and texts of files.
    pub(crate) files: Vec<(String, String)>,
    pub(crate) before_start: Vec<CommandLine>,
    pub(crate) after_ready: Vec<CommandLine>,
    /// The name of the user that all commands run as.
    pub(crate) user: Option<String>,
}

impl SetUpSpec {
    /// Returns the texts that are rendered before the process starts.
    pub(super) fn early_texts(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().flat_map(|(path, text)| [path.as_str(), text.as_str()]);
        files.chain(self.before_start.iter().flat_map(CommandLine::texts))
    }

    /// Returns the texts that are rendered when it is ready.
    pub(super) fn late_texts(&self) -> impl Iterator<Item = &str> {
        self.after_ready.iter().flat_map(CommandLine::texts)
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut paths = self.files.iter().map(|(path, _)| path);
        paths.try_for_each(|path| file_path::check(path)).map_err(Error::invalid)?;
        let mut commands = self.before_start.iter().chain(&self.after_ready);
        commands.try_for_each(|command| command::check_words(&command.words()?))
    }

    /// Returns what a process needs to run as the user, if it is another one.
    pub(super) fn account(&self, environment: &mut Environment) -> Result<Option<Account>> {
        let Some(name) = &self.user else { return Ok(None) };
        let failed = |e| Error::os(format!("the user `{name}` cannot be looked up"), e);
        let Some(entry) = Account::find(name).map_err(failed)? else {
            let error = Error::new(ErrorKind::NotFound, format!("there is no user `{name}`"));
            return Err(error.with_help("the package of the server usually creates it"));
        };
        if entry.account.user == sys::effective_user() {
            return Ok(None);
        }
        if sys::effective_user() != 0 {
            let what = format!("only root can run a process as the user `{name}`");
            let help = "leave out `user`, or use it only where the tests run as root";
            return Err(Error::new(ErrorKind::PermissionDenied, what).with_help(help));
        }
        if !environment.clear {
            let name = || OsString::from(name);
            let usual = [("HOME", entry.home), ("USER", name()), ("LOGNAME", name())];
            let usual = usual.into_iter().map(|(name, value)| (name.into(), Some(value)));
            environment.changes.splice(..0, usual);
        }
        Ok(Some(entry.account))
    }
}

/// The same with every placeholder resolved, except those of commands that run later.
pub(crate) struct SetUp {
    pub(super) files: Vec<(PathBuf, Vec<u8>)>,
    pub(crate) before_start: Vec<Step>,
    pub(crate) after_ready: Vec<CommandLine>,
    pub(crate) account: Option<Account>,
}

/// A command of the set-up.
pub(crate) struct Step {
    pub(crate) words: Vec<OsString>,
    pub(crate) program: PathBuf,
}

impl Step {
    /// Resolves a command.
    pub(super) fn new(
        command: &CommandLine,
        values: &Placeholders,
        environment: &Environment,
        dir: &Path,
    ) -> Result<Self> {
        let words = command.words()?;
        let words = words.iter().map(|word| values.render_os(word)).collect::<Result<Vec<_>>>()?;
        let program = program::find_or_expect(&words[0], values.dir(), environment, dir)?;
        Ok(Self { words, program })
    }

    /// Returns the command as a job has it.
    pub(crate) fn command(&self) -> Vec<OsString> {
        [&[self.program.clone().into_os_string()], &self.words[..]].concat()
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

impl SetUp {
    /// Returns the number of the first command before the start.
    pub(crate) fn first_step(&self) -> Option<u32> {
        (!self.before_start.is_empty()).then_some(0)
    }

    /// Returns true if the program of the process may not exist yet.
    pub(super) fn may_create_program(&self) -> bool {
        !self.files.is_empty() || !self.before_start.is_empty()
    }

    pub(super) fn new(
        spec: &SetUpSpec,
        values: &Placeholders,
        account: Option<Account>,
        environment: &Environment,
        dir: &Path,
    ) -> Result<Self> {
        let file = |(path, text): &(String, String)| {
            Ok((values.render(path)?.into(), values.render(text)?.into_bytes()))
        };
        let step = |command| Step::new(command, values, environment, dir);
        Ok(Self {
            files: spec.files.iter().map(file).collect::<Result<_>>()?,
            before_start: spec.before_start.iter().map(step).collect::<Result<_>>()?,
            after_ready: spec.after_ready.clone(),
            account,
        })
    }
}
