//! What to run: the words of a command, the environment, the standard input.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};

/// A command: a text that is split as a shell would split it, or words that are not.
///
/// # Examples
///
/// ```
/// use mirakuru_core::CommandLine;
///
/// let split = CommandLine::from("redis-server --save ''");
/// let words = CommandLine::from(["redis-server", "--save", ""]);
/// # let _ = (split, words);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine(Line);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Text(String),
    Words(Vec<OsString>),
}

impl CommandLine {
    /// The words, with placeholders.
    pub(crate) fn words(&self) -> Result<Vec<OsString>> {
        match &self.0 {
            Line::Text(text) => match shlex::split(text) {
                Some(words) => Ok(words.into_iter().map(OsString::from).collect()),
                None => {
                    let what = format!("a quote in the command `{text}` is not closed");
                    Err(Error::invalid(what).with_help(
                        "words that are given one by one need no quotes: `[\"program\", \"it's\"]`",
                    ))
                }
            },
            Line::Words(words) => Ok(words.clone()),
        }
    }

    /// The texts in which placeholders may stand.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match &self.0 {
            Line::Text(text) => vec![text],
            Line::Words(words) => words.iter().filter_map(|word| word.to_str()).collect(),
        }
    }
}

/// A program has to be named, and the kernel takes no zero bytes.
pub(crate) fn check_words(words: &[OsString]) -> Result<()> {
    match words.first() {
        None => Err(Error::invalid("the command is empty")),
        Some(program) if program.is_empty() => {
            Err(Error::invalid("the command's first word, the program, is empty"))
        }
        Some(_) if words.iter().any(|word| word.as_encoded_bytes().contains(&0)) => {
            Err(Error::invalid("a word of the command has a zero byte in it"))
        }
        Some(_) => Ok(()),
    }
}

impl From<&str> for CommandLine {
    fn from(text: &str) -> Self {
        Self(Line::Text(text.to_owned()))
    }
}

impl From<String> for CommandLine {
    fn from(text: String) -> Self {
        Self(Line::Text(text))
    }
}

impl<S: Into<OsString>> From<Vec<S>> for CommandLine {
    fn from(words: Vec<S>) -> Self {
        Self(Line::Words(words.into_iter().map(Into::into).collect()))
    }
}

impl<S: Into<OsString>, const N: usize> From<[S; N]> for CommandLine {
    fn from(words: [S; N]) -> Self {
        Self(Line::Words(words.into_iter().map(Into::into).collect()))
    }
}

impl<S: Into<OsString> + Clone> From<&[S]> for CommandLine {
    fn from(words: &[S]) -> Self {
        Self(Line::Words(words.iter().cloned().map(Into::into).collect()))
    }
}

/// Where a process reads its standard input from.
///
/// By default there is nothing to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// End of file at once.
    #[default]
    Null,
    /// What is written to [`Process::stdin`](crate::Process::stdin).
    Piped,
    /// This file, from its beginning at each start.
    File(PathBuf),
    /// These bytes, then end of file.
    Bytes(Vec<u8>),
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Input {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Path> for Input {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

/// How a process's environment differs from that of the tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Environment {
    pub(crate) clear: bool,
    /// Variables that are set, or unset. The last one of a name counts.
    pub(crate) changes: Vec<(OsString, Option<OsString>)>,
}

impl Environment {
    pub(crate) fn get(&self, name: impl AsRef<OsStr>) -> Option<OsString> {
        let name = name.as_ref();
        match self.changes.iter().rev().find(|(changed, _)| changed == name) {
            Some((_, value)) => value.clone(),
            None if self.clear => None,
            None => std::env::var_os(name),
        }
    }

    pub(crate) fn apply_to(&self, command: &mut Command) {
        if self.clear {
            command.env_clear();
        }
        for name in OF_THE_SERVICE {
            command.env_remove(name);
        }
        for (name, value) in &self.changes {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
    }

    /// A name that cannot be one, if there is any.
    pub(crate) fn check(&self) -> Result<()> {
        let is_bad = |name: &OsStr| {
            let bytes = name.as_encoded_bytes();
            bytes.is_empty() || bytes.contains(&b'=') || bytes.contains(&0)
        };
        match self.changes.iter().find(|(name, _)| is_bad(name)) {
            Some((name, _)) => Err(Error::invalid(format!(
                "`{}` cannot be the name of an environment variable",
                name.to_string_lossy()
            ))),
            None => Ok(()),
        }
    }
}

/// What a service manager has told the tests, if one runs them. It is not meant for their servers,
/// which would take it for theirs.
const OF_THE_SERVICE: [&str; 6] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
];

/// One line that a shell would take apart into the same words.
pub(crate) fn in_one_line(words: &[OsString]) -> String {
    let quote = |word: &OsString| {
        let word = word.to_string_lossy();
        shlex::try_quote(&word).map_or_else(|_| word.to_string(), |quoted| quoted.to_string())
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
