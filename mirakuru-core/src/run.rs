//! One run of the tests, and the folder with its logs.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{AccessFlags, access};
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
        make_private(runs)?;
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

/// A process whose life is one run of the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Runner {
    pub(crate) pid: i32,
    pub(crate) started: u64,
}

/// Names the runner by hand: a process id.
const SESSION: &str = "MIRAKURU_SESSION";

/// The process that `MIRAKURU_SESSION` names, or else the nearest ancestor that runs test binaries.
pub(crate) fn runner() -> Result<Option<Runner>> {
    let named = match std::env::var(SESSION) {
        Ok(value) => Some(named_runner(&value)?),
        Err(_) => None,
    };
    let own = std::process::id() as i32;
    let mut ancestors = std::iter::successors(Some(own), |pid| sys::parent_of(*pid));
    let is_runner =
        |pid: &i32| sys::program_name(*pid).is_some_and(|name| RUNNERS.contains(&name.as_str()));
    let pid = named.or_else(|| ancestors.find(is_runner));
    Ok(pid.and_then(|pid| Some(Runner { pid, started: sys::start_time(pid)? })))
}

fn named_runner(value: &str) -> Result<i32> {
    let pid = value.parse().ok().filter(|pid| *pid > 0 && sys::is_alive(*pid));
    pid.ok_or_else(|| {
        let what = format!("{SESSION} is `{value}`, which is not the id of a running process");
        Error::invalid(what)
    })
}

/// Makes a folder that only this user can look into, or makes sure that one which is there is such.
pub(crate) fn make_private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let meta = fs::symlink_metadata(path)?;
    if meta.is_dir() && meta.uid() == sys::effective_user() && meta.mode() & 0o22 == 0 {
        // Nobody else can have put anything into it. From now on nobody else looks into it either.
        return fs::set_permissions(path, Permissions::from_mode(0o700));
    }
    let what = format!("`{}` is not a folder of this user alone", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}

/// Writes a file that others see whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, path))
}

/// The folder for temporary files, or another if its path leaves no room for the names of sockets.
pub(crate) fn short_temp_dir() -> PathBuf {
    let dir = std::env::temp_dir();
    if dir.as_os_str().len() <= 36 { dir } else { PathBuf::from("/tmp") }
}

/// The same for all test binaries that one runner runs.
fn run_name() -> Result<String> {
    let own = std::process::id() as i32;
    let own = Runner { pid: own, started: sys::start_time(own).unwrap_or_default() };
    let Runner { pid, started } = runner()?.unwrap_or(own);
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
