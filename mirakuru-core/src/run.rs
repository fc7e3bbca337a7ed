//! One run of the tests, and the folder with its logs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};
use once_cell::sync::OnceCell;

use crate::error::{Error, Result};
use crate::sys;

/// How many earlier runs keep their logs.
const RUNS_KEPT: usize = 5;

/// The programs that run test binaries.
const RUNNERS: [&str; 2] = ["cargo", "cargo-nextest"];

/// The folder of this run, locked as long as this process lives so that no other run removes it.
struct Folder {
    path: PathBuf,
    _lock: Option<Flock<File>>,
}

/// Returns the folder for the logs of this run.
pub(crate) fn log_folder() -> Result<&'static Path> {
    static FOLDER: OnceCell<Folder> = OnceCell::new();
    let folder = FOLDER.get_or_try_init(|| {
        let runs = runs_folder();
        let path = runs.join(run_name());
        make_folder(&path)
            .map_err(|e| {
                Error::os(format!("the log folder `{}` cannot be made", path.display()), e)
            })
            .inspect(|_| remove_old_runs(&runs))
    })?;
    Ok(&folder.path)
}

fn make_folder(path: &Path) -> io::Result<Folder> {
    fs::create_dir_all(path)?;
    let lock = Flock::lock(File::open(path)?, FlockArg::LockSharedNonblock).ok();
    Ok(Folder { path: path.to_owned(), _lock: lock })
}

/// In the target folder that the test binary lies in, else in the folder for temporary files.
fn runs_folder() -> PathBuf {
    let exe = std::env::current_exe().unwrap_or_default();
    let target = exe.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    match target {
        Some(target) => target.join("mirakuru"),
        None => std::env::temp_dir().join(format!("mirakuru-logs-{}", sys::effective_user())),
    }
}

/// The same for all test binaries that one runner runs.
fn run_name() -> String {
    let own = std::process::id() as i32;
    let mut ancestors = std::iter::successors(Some(own), |pid| sys::parent_of(*pid));
    let runner = ancestors
        .find(|pid| sys::program_name(*pid).is_some_and(|name| RUNNERS.contains(&name.as_str())));
    let pid = runner.unwrap_or(own);
    format!("{pid}-{}", sys::start_time(pid).unwrap_or_default())
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
