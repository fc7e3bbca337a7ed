//! The folder in which the processes of one session meet.
//!
//! It belongs to the life of one runner, and only this user can look into it. For each server there
//! are, under a name made from what its definition says: `.lock`, held by whoever starts it;
//! `.sock`, where its supervisor listens; `.info`, what is known of it; `.failed`, why it did not
//! start.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::diagnostics::progress;
use crate::diagnostics::runner::Runner;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Executor;
use crate::sys;

pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The folder of a runner's session, made if it is not there.
    pub(super) fn of(runner: Runner) -> Result<Self> {
        let parent = sys::short_temp_dir();
        let path = parent.join(format!("{}{}-{}", prefix(), runner.pid, runner.started));
        let is_new = !path.exists();
        match sys::create_private_dir(&path) {
            Ok(()) if is_new => clear_stale(&parent),
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(Error::new(ErrorKind::PermissionDenied, error.to_string()));
            }
            Err(error) => return Err(failed(&path, error)),
        }
        Ok(Self { path })
    }

    pub(super) fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.path.join(name).with_extension(extension)
    }

    /// Waits until nobody else starts the server, which takes no longer than its time limit.
    pub(super) fn lock(&self, name: &str, executor: &Executor) -> Result<Flock<File>> {
        let path = self.file(name, "lock");
        let file = File::create(&path).map_err(|error| failed(&path, error))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).or_else(|(file, _)| {
            let spec = executor.spec();
            let starts = format!("another test process to start {}", spec.display_name());
            let wait = || Flock::lock(file, FlockArg::LockExclusive);
            progress::during(spec.timeout, || Some(starts.clone()), wait)
        });
        lock.map_err(|(_, errno)| Error::os("the lock of a session fails", errno.into()))
    }

    /// Writes a file that others see whole or not at all.
    pub(super) fn write(&self, name: &str, extension: &str, text: &str) -> Result<()> {
        let path = self.file(name, extension);
        sys::write_atomically(&path, text).map_err(|error| failed(&path, error))
    }
}

fn prefix() -> String {
    format!("mirakuru-session-{}-", sys::effective_user())
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::os(format!("`{}` cannot be used for the session", path.display()), error)
}

/// Removes what sessions have left whose runner and supervisors were killed.
fn clear_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&prefix()));
        let Some((pid, started)) = rest.and_then(|rest| rest.split_once('-')) else { continue };
        let (Ok(pid), Ok(started)) = (pid.parse(), started.parse()) else { continue };
        let has_runner = sys::Process::open(pid, started).is_some();
        if !has_runner && !has_listener(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path()); // Another session may be clearing it too.
        }
    }
}

fn has_listener(folder: &Path) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut sockets =
        files.map(|file| file.path()).filter(|path| path.extension() == Some("sock".as_ref()));
    sockets.any(|socket| UnixStream::connect(socket).is_ok())
}
