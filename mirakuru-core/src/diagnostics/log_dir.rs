//! The directory with the logs of this run of the tests.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{AccessFlags, access};
use once_cell::sync::OnceCell;

use crate::diagnostics::runner::{self, Runner};
use crate::error::{Error, Result};
use crate::sys;

/// How many earlier runs keep their logs.
const RUNS_KEPT: usize = 5;

/// The folder of this run, locked as long as this process lives so that no other run removes it.
struct Folder {
    path: PathBuf,
    lock: Option<Flock<File>>,
}

static FOLDER: OnceCell<Folder> = OnceCell::new();

/// Returns the folder for the logs of this run.
pub(crate) fn log_folder() -> Result<&'static Path> {
    let folder = FOLDER.get_or_try_init(|| {
        let name = run_name()?;
        let mut failed = None;
        for runs in runs_folders() {
            let path = runs.join(&name);
            match make_folder(&path) {
                Ok(folder) => {
                    // Beside the tests, which do not wait for it. What it does not come to is left to
                    // the next run.
                    let _ = thread::Builder::new().spawn(move || remove_old_runs(&runs));
                    return Ok(folder);
                }
                Err(error) => failed = Some((path, error)),
            }
        }
        let (path, error) = failed.unwrap_or_else(|| (name.into(), io::ErrorKind::NotFound.into()));
        Err(Error::os(format!("the log folder `{}` cannot be made", path.display()), error))
    })?;
    Ok(&folder.path)
}

/// What keeps the folder from being removed, for another process to hold too.
pub(crate) fn log_folder_lock() -> Option<BorrowedFd<'static>> {
    Some(FOLDER.get()?.lock.as_ref()?.as_fd())
}

fn make_folder(path: &Path) -> io::Result<Folder> {
    if let Some(runs) = path.parent().filter(|runs| !runs.ends_with("mirakuru")) {
        // In the folder for temporary files, anybody may have made it.
        sys::create_private_dir(runs)?;
    }
    fs::create_dir_all(path)?;
    access(path, AccessFlags::W_OK)?;
    let lock = Flock::lock(File::open(path)?, FlockArg::LockSharedNonblock).ok();
    Ok(Folder { path: path.to_owned(), lock })
}

/// In the target folder that the test binary lies in; where there is none, or another user's, in
/// the folder for temporary files.
fn runs_folders() -> impl Iterator<Item = PathBuf> {
    let exe = std::env::current_exe().unwrap_or_default();
    let target = exe.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let target = target.map(|target| target.join("mirakuru"));
    let temp = std::env::temp_dir().join(format!("mirakuru-logs-{}", sys::effective_user()));
    target.into_iter().chain([temp])
}

/// The same for all test binaries that one runner runs.
fn run_name() -> Result<String> {
    let own = std::process::id() as i32;
    let own = Runner { pid: own, started: sys::start_time(own).unwrap_or_default() };
    let Runner { pid, started } = runner::find()?.unwrap_or(own);
    Ok(format!("{pid}-{started}"))
}

fn remove_old_runs(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    let mut by_age: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    by_age.sort();
    let old = by_age.len().saturating_sub(RUNS_KEPT + 1);
    for (_, path) in &by_age[..old] {
        let Ok(folder) = File::open(path) else { continue };
        // Whoever still runs holds a shared lock.
        if Flock::lock(folder, FlockArg::LockExclusiveNonblock).is_ok() {
            let _ = fs::remove_dir_all(path); // Another run may be removing it too.
        }
    }
}
