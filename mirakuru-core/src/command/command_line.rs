//! The words of a command.

use std::ffi::OsString;

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

/// One line that a shell would take apart into the same words.
pub(crate) fn in_one_line(words: &[OsString]) -> String {
    let quote = |word: &OsString| {
        let word = word.to_string_lossy();
        shlex::try_quote(&word).map_or_else(|_| word.to_string(), |quoted| quoted.to_string())
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
