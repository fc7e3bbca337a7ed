//! Looking up a program as `exec` would, and checking a directory before a process runs in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use super::explain;
use super::locations::{DEFAULT_PATH, is_executable};
use crate::command::Environment;
use crate::error::{Error, ErrorKind, Result};

/// Finds the file of a program as `exec` would, and says why not if it would not.
pub(crate) fn find(name: &OsStr, environment: &Environment, dir: &Path) -> Result<PathBuf> {
    if name.as_encoded_bytes().contains(&b'/') {
        // Iterating over the components drops the `.` of `./program`.
        let path: PathBuf = dir.join(name).components().collect();
        return check(&path).map(|()| path);
    }
    let search = environment.get("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let dirs: Vec<_> = std::env::split_paths(&search).map(|searched| dir.join(searched)).collect();
    let found: Vec<_> = dirs.iter().map(|dir| dir.join(name)).filter(|it| it.is_file()).collect();
    if let Some(path) = found.iter().find(|path| is_executable(path)) {
        return Ok(path.clone());
    }
    if let Some(path) = found.first() {
        check(path)?;
    }
    let shown = name.to_string_lossy();
    let what = format!("no program `{shown}` in PATH ({})", shown_path(&search));
    Err(Error::new(ErrorKind::NotFound, what).with_help(explain::not_in_path(&shown, &dirs)))
}

/// Returns a search path without the directories that it has more than once.
fn shown_path(search: &OsStr) -> String {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for dir in std::env::split_paths(search) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    dirs.iter().map(|dir| dir.to_string_lossy()).collect::<Vec<_>>().join(":")
}

/// Finds the file of a program as `find` does, but expects one in `own`, the directory that the process
/// fills, to be there later.
pub(crate) fn find_or_expect(
    name: &OsStr,
    own: Option<&Path>,
    environment: &Environment,
    dir: &Path,
) -> Result<PathBuf> {
    match own {
        Some(own) if Path::new(name).starts_with(own) => Ok(PathBuf::from(name)),
        _ => find(name, environment, dir),
    }
}

fn check(path: &Path) -> Result<()> {
    let shown = path.display();
    if path.is_dir() {
        let what = format!("`{shown}` is a directory, not a program");
        return Err(Error::new(ErrorKind::PermissionDenied, what));
    }
    match access(path, AccessFlags::X_OK) {
        Ok(()) => Ok(()),
        Err(Errno::EACCES) => {
            let what = format!("`{shown}` cannot be executed by this user");
            let error = Error::new(ErrorKind::PermissionDenied, what);
            Err(error.with_help(explain::not_executable(path)))
        }
        Err(_) => {
            let error = Error::new(ErrorKind::NotFound, format!("there is no program `{shown}`"));
            Err(error.with_help(explain::not_there(path, is_executable)))
        }
    }
}

/// Fails unless a process can be started in the directory.
pub(crate) fn check_directory(dir: &Path) -> Result<()> {
    let shown = dir.display();
    match fs::metadata(dir) {
        Ok(meta) if !meta.is_dir() => {
            Err(Error::new(ErrorKind::NotFound, format!("`{shown}` is not a directory")))
        }
        Ok(_) if access(dir, AccessFlags::X_OK).is_err() => Err(Error::new(
            ErrorKind::PermissionDenied,
            format!("the directory `{shown}` cannot be entered by this user"),
        )),
        Ok(_) => Ok(()),
        Err(_) => {
            let error = Error::new(ErrorKind::NotFound, format!("there is no directory `{shown}`"));
            Err(error.with_help(explain::not_there(dir, Path::is_dir)))
        }
    }
}
