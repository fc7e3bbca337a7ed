//! The standard input of a process.

use std::path::{Path, PathBuf};

/// Where a process reads its standard input from.
///
/// By default there is nothing to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stdin {
    /// End of file at once.
    #[default]
    Null,
    /// What is written to [`Process::take_stdin`](crate::Process::take_stdin).
    Piped,
    /// This file, from its beginning at each start.
    File(PathBuf),
    /// These bytes, then end of file.
    Bytes(Vec<u8>),
}

impl From<&str> for Stdin {
    fn from(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }
}

impl From<String> for Stdin {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<Vec<u8>> for Stdin {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&Path> for Stdin {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for Stdin {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}
