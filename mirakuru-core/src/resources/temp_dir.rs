//! The directories in which temporary files and sockets are made.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sys;

/// The longest path of a directory that leaves room for the names of sockets.
const LONGEST_FOR_SOCKETS: usize = 36; // bytes

/// Returns the directory for temporary files, as an absolute path.
pub(crate) fn for_files() -> Result<PathBuf> {
    let dir = named();
    let reason = match std::env::var_os("TMPDIR") {
        Some(_) => "TMPDIR names it",
        None => "it is used because TMPDIR is not set",
    };
    check(&dir, reason).map(|()| dir)
}

/// Returns the directory for sockets: the same, or `/tmp` if its path is too long.
pub(crate) fn for_sockets() -> Result<PathBuf> {
    if named().as_os_str().len() <= LONGEST_FOR_SOCKETS {
        return for_files();
    }
    let dir = PathBuf::from("/tmp");
    let reason = "sockets are made in it because the path in TMPDIR is too long for theirs";
    check(&dir, reason).map(|()| dir)
}

fn named() -> PathBuf {
    let dir = std::env::temp_dir();
    std::path::absolute(&dir).unwrap_or(dir)
}

fn check(dir: &Path, reason: &str) -> Result<()> {
    sys::check_temp_dir(dir).map_err(|error| {
        let what = format!("the directory `{}` cannot have temporary files", dir.display());
        let help = "set TMPDIR to the short path of a directory that this user can write to";
        Error::os(what, error).with_help(format!("{reason}; {help}"))
    })
}
