//! The directory with the logs of this run of the tests.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use nix::unistd::{AccessFlags, access};
use once_cell::sync::OnceCell;

use crate::diagnostics::runner::{self, Runner};
use crate::diagnostics::time_limit::{Pauses, REMOVAL_TIMEOUT};
use crate::error::{Error, Result};
use crate::sys::{self, PrivateDir};

/// The number of earlier runs whose logs are kept.
const RUNS_KEPT: usize = 5;

/// The directory of this run. It is open as long as this process lives, so no other run removes it.
struct LogDir {
    path: PathBuf,
    dir: PrivateDir,
}

static LOG_DIR: OnceCell<LogDir> = OnceCell::new();

/// Returns the directory for the logs of this run, and creates it at the first call.
pub(crate) fn log_dir() -> Result<&'static Path> {
    let dir = LOG_DIR.get_or_try_init(|| {
        let name = run_name()?;
        let make = |runs: &Path| {
            let dir = make_log_dir(&runs.join(&name))?;
            let runs = runs.to_owned();
            // In the background: tests do not wait for it, and the next run completes it.
            let _ = thread::Builder::new().spawn(move || remove_old_runs(&runs));
            Ok(dir)
        };
        first_usable("mirakuru", "mirakuru-logs", make).map_err(|(runs, error)| {
            let what =
                format!("the log directory `{}` cannot be created", runs.join(&name).display());
            let help = "logs are kept in the target directory, or if this user cannot write to it, \
                in TMPDIR; make one of them a directory that this user can write to";
            Error::os(what, error).with_help(help)
        })
    })?;
    Ok(&dir.path)
}

/// Returns the lock that protects the directory. A supervisor holds it too.
pub(crate) fn log_dir_lock() -> Option<BorrowedFd<'static>> {
    Some(LOG_DIR.get()?.dir.as_fd())
}

fn make_log_dir(path: &Path) -> io::Result<LogDir> {
    match path.parent() {
        // Who may write to the target directory can replace the tests themselves.
        Some(runs) if runs.ends_with("mirakuru") => {
            DirBuilder::new().recursive(true).mode(0o700).create(runs)?;
        }
        // In the directory for temporary files, another user may have created it.
        Some(runs) => drop(PrivateDir::create(runs)?),
        None => {}
    }
    let mut pauses = Pauses::within(REMOVAL_TIMEOUT);
    let dir = PrivateDir::create_used(path, || pauses.pause())?;
    access(path, AccessFlags::W_OK)?;
    Ok(LogDir { path: path.to_owned(), dir })
}

/// Makes a directory where files may be kept: in the target directory of the test binary, or if there is
/// none or it is not writable, in the directory for temporary files.
pub(crate) fn first_usable<T>(
    in_target: &str,
    in_temp: &str,
    make: impl Fn(&Path) -> io::Result<T>,
) -> std::result::Result<T, (PathBuf, io::Error)> {
    let exe = std::env::current_exe().unwrap_or_default();
    if let Some(made) = target_dir(&exe).and_then(|target| make(&target.join(in_target)).ok()) {
        return Ok(made);
    }
    let temp = std::env::temp_dir().join(format!("{in_temp}-{}", sys::effective_user()));
    make(&temp).map_err(|error| (temp, error))
}

/// Returns the target directory that a binary is in.
fn target_dir(exe: &Path) -> Option<&Path> {
    // Cargo 1.95 writes the tag only if it makes the directory itself, which may be a mounted cache.
    let is_target = |dir: &&Path| {
        ["CACHEDIR.TAG", ".rustc_info.json"].iter().any(|name| dir.join(name).is_file())
    };
    exe.ancestors().skip(1).find(is_target)
}

/// Returns the name of this run, which is the same for all test binaries of one runner with the same
/// version of this library.
fn run_name() -> Result<String> {
    let own = std::process::id() as i32;
    let own = Runner { pid: own, started: sys::start_time(own).unwrap_or_default() };
    let Runner { pid, started } = runner::find()?.unwrap_or(own);
    Ok(format!("{pid}-{started}-{}", env!("CARGO_PKG_VERSION")))
}

fn remove_old_runs(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    let mut by_age: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    by_age.sort();
    let old = by_age.len().saturating_sub(RUNS_KEPT + 1);
    let ended = by_age[..old].iter().filter(|(_, path)| !has_runner(path));
    for dir in ended.filter_map(|(_, path)| PrivateDir::open(path).ok()) {
        dir.remove_if_unused(|_| true);
    }
}

/// Returns true if the runner whose logs these are is alive. Between two tests, no process may use them.
fn has_runner(dir: &Path) -> bool {
    let name = dir.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let mut numbers = name.split('-');
    let pid = numbers.next().and_then(|pid| pid.parse().ok());
    let started = numbers.next().and_then(|started| started.parse().ok());
    pid.zip(started).is_some_and(|(pid, started)| Runner { pid, started }.is_alive())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_a_run_that_goes_on_are_kept() {
        let pid = std::process::id();
        let runs = std::env::temp_dir().join(format!("mirakuru-old-logs-{pid}"));
        let started = sys::start_time(pid as i32).unwrap_or_default();
        let own = runs.join(format!("{pid}-{started}-0.1.0"));
        fs::create_dir_all(&own).unwrap();
        fs::File::open(&own).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        for pid in 1..=RUNS_KEPT + 1 {
            fs::create_dir(runs.join(format!("{pid}-1-0.1.0"))).unwrap();
        }
        remove_old_runs(&runs);
        assert!(own.is_dir());
        fs::remove_dir_all(runs).unwrap();
    }

    #[test]
    fn the_target_directory_is_found_without_its_tag() {
        let target = std::env::temp_dir().join(format!("mirakuru-target-{}", std::process::id()));
        let exe = target.join("debug/deps/test");
        fs::create_dir_all(exe.parent().unwrap()).unwrap();
        for name in [".rustc_info.json", "CACHEDIR.TAG"] {
            assert_eq!(target_dir(&exe), None);
            fs::write(target.join(name), "").unwrap();
            assert_eq!(target_dir(&exe), Some(target.as_path()));
            fs::remove_file(target.join(name)).unwrap();
        }
        fs::remove_dir_all(target).unwrap();
    }
}
