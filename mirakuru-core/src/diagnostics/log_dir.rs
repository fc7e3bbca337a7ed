//! The directory with the logs of this run of the tests.

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
    let runner = runner::find()?.unwrap_or(own);
    Ok(format!("{runner}-{}", env!("CARGO_PKG_VERSION")))
}

/// Returns a file that outlives the runs.
pub(crate) fn kept_file(dir: &str, name: &str) -> Option<PathBuf> {
    Some(log_dir().ok()?.parent()?.join(dir).join(name))
}

fn remove_old_runs(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    let mut by_age: Vec<(SystemTime, PathBuf, Runner)> = entries
        .flatten()
        .filter_map(|entry| {
            let runner = Runner::of_name(entry.file_name().to_str()?)?;
            Some((entry.metadata().ok()?.modified().ok()?, entry.path(), runner))
        })
        .collect();
    by_age.sort_by_key(|(modified, ..)| *modified);
    let old = by_age.len().saturating_sub(RUNS_KEPT + 1);
    // Between two tests, no process may use the logs of a run that goes on.
    let ended = by_age[..old].iter().filter(|(.., runner)| !runner.is_alive());
    for dir in ended.filter_map(|(_, path, _)| PrivateDir::open(path).ok()) {
        dir.remove_if_unused(|_| true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_a_run_that_goes_on_and_what_outlives_it_are_kept() {
        let pid = std::process::id();
        let runs = std::env::temp_dir().join(format!("mirakuru-old-logs-{pid}"));
        let started = sys::start_time(pid as i32).unwrap_or_default();
        let own = runs.join(format!("{pid}-{started}-0.1.0"));
        let kept = runs.join("ready-times");
        for kept in [&own, &kept] {
            fs::create_dir_all(kept).unwrap();
            fs::File::open(kept).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        for pid in 1..=RUNS_KEPT + 1 {
            fs::create_dir(runs.join(format!("{pid}-1-0.1.0"))).unwrap();
        }
        remove_old_runs(&runs);
        assert!(own.is_dir() && kept.is_dir());
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
