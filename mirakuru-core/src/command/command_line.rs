//! The words of a command.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::syntax::command;

/// A command: a text that is split into words as a shell would split it, or words that are taken as
/// they are.
///
/// | from | meaning |
/// |---|---|
/// | `&str`, `String` | a text, which is split |
/// | an array, `Vec` or slice | words: the program and its arguments |
/// | `&Path`, `PathBuf`, `&OsStr`, `OsString` | one word: the program, without arguments |
///
/// No shell runs the command: `$HOME`, `*` and `|` have no meaning in it. For those there is
/// [`Executor::shell`](crate::Executor::shell).
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// # use mirakuru_core::CommandLine;
/// let split = CommandLine::from("redis-server --save ''");
/// let words = CommandLine::from(["redis-server", "--save", ""]);
/// let program = CommandLine::from(Path::new("/opt/my servers/redis-server"));
/// # let _ = (split, words, program);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommandLine(Line);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Line {
    Text(String),
    Words(Vec<OsString>),
}

impl CommandLine {
    /// Returns the words, with their placeholders.
    pub(crate) fn words(&self) -> Result<Vec<OsString>> {
        match &self.0 {
            Line::Text(text) => {
                let words = command::split(text).map_err(|what| {
                    Error::invalid(what).with_help(
                        "words that are given one by one need no quotes: `[\"program\", \"it's\"]`",
                    )
                })?;
                Ok(words.into_iter().map(OsString::from).collect())
            }
            Line::Words(words) => Ok(words.clone()),
        }
    }

    /// Returns the first word of a text that would have a meaning in a shell. One with a space was quoted: it
    /// may be the script of a shell or of another interpreter.
    pub(crate) fn word_for_a_shell(&self) -> Option<String> {
        let Line::Text(text) = &self.0 else { return None };
        let is_meant = |word: &String| !word.contains(' ') && command::is_for_a_shell(word);
        command::split(text).ok()?.into_iter().skip(1).find(is_meant)
    }

    /// Returns the texts in which placeholders may stand.
    pub(crate) fn texts(&self) -> Vec<&str> {
        match &self.0 {
            Line::Text(text) => vec![text],
            Line::Words(words) => words.iter().filter_map(|word| word.to_str()).collect(),
        }
    }

    fn of_words<S: Into<OsString>>(words: impl IntoIterator<Item = S>) -> Self {
        Self(Line::Words(words.into_iter().map(Into::into).collect()))
    }
}

/// Fails if no program is named, or if a word has a zero byte, which the kernel does not take.
pub(crate) fn check_words(words: &[OsString]) -> Result<()> {
    let program = words.first().map(|program| program.as_encoded_bytes());
    command::check_program(program).map_err(Error::invalid)?;
    if words.iter().any(|word| word.as_encoded_bytes().contains(&0)) {
        return Err(Error::invalid("a word of the command has a zero byte in it"));
    }
    Ok(())
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

impl From<&Path> for CommandLine {
    fn from(program: &Path) -> Self {
        Self::of_words([program])
    }
}

impl From<PathBuf> for CommandLine {
    fn from(program: PathBuf) -> Self {
        Self::of_words([program])
    }
}

impl From<&PathBuf> for CommandLine {
    fn from(program: &PathBuf) -> Self {
        Self::of_words([program])
    }
}

impl From<OsString> for CommandLine {
    fn from(program: OsString) -> Self {
        Self::of_words([program])
    }
}

impl From<&OsStr> for CommandLine {
    fn from(program: &OsStr) -> Self {
        Self::of_words([program])
    }
}

impl<S: Into<OsString>> From<Vec<S>> for CommandLine {
    fn from(words: Vec<S>) -> Self {
        Self::of_words(words)
    }
}

impl<S: Into<OsString>, const N: usize> From<[S; N]> for CommandLine {
    fn from(words: [S; N]) -> Self {
        Self::of_words(words)
    }
}

impl<S: Into<OsString> + Clone> From<&[S]> for CommandLine {
    fn from(words: &[S]) -> Self {
        Self::of_words(words.iter().cloned())
    }
}

/// Returns one line that a shell would split into the same words.
pub(crate) fn in_one_line(words: &[OsString]) -> String {
    let quote = |word: &OsString| {
        let word = word.to_string_lossy();
        shlex::try_quote(&word).map_or_else(|_| word.to_string(), |quoted| quoted.to_string())
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_script_is_for_its_own_shell() {
        let word = |text| CommandLine::from(text).word_for_a_shell();
        assert_eq!(word("server --port $PORT"), Some("$PORT".to_owned()));
        assert_eq!(word("sh -c 'exec server --port $PORT'"), None);
    }

    #[test]
    fn a_path_is_one_word_and_is_never_split() {
        let path = "/opt/my 'servers/redis $1";
        let words = vec![OsString::from(path)];
        for command in [
            CommandLine::from(Path::new(path)),
            CommandLine::from(PathBuf::from(path)),
            CommandLine::from(&PathBuf::from(path)),
            CommandLine::from(OsString::from(path)),
            CommandLine::from(OsStr::new(path)),
        ] {
            assert_eq!(command.words().unwrap(), words);
            assert_eq!(command.texts(), [path]);
        }
    }
}
