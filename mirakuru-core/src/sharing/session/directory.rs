//! The directory in which the processes of one session meet.
//!
//! It belongs to the life of one runner, and only this user can enter it. For each server there are
//! files named after the key of its executor: `.lock` is held by the process that starts it; at `.sock`
//! its supervisor listens; `.info` is its manifest; `.failed` says why it did not start.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::diagnostics::progress::Progress;
use crate::diagnostics::runner::Runner;
use crate::diagnostics::time_limit::TimeLimit;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Executor;
use crate::sys;

/// The pauses between attempts to take the lock grow from the first to the last.
const FIRST_STEP: Duration = Duration::from_millis(1);
const LAST_STEP: Duration = Duration::from_millis(20);

pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Opens the directory of a runner's session, and creates it if it does not exist.
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

    /// Takes the lock for starting a server. Waits while another process holds it: for two starts
    /// (the second with another port) and the first lease after them.
    pub(super) fn lock(
        &self,
        name: &str,
        executor: &Executor,
        lease_timeout: Duration,
    ) -> Result<Flock<File>> {
        let path = self.file(name, "lock");
        let mut file = File::create(&path).map_err(|error| failed(&path, error))?;
        let spec = executor.spec();
        let limit = (spec.timeout.saturating_add(spec.stop_timeout)).saturating_mul(2);
        let mut limit = TimeLimit::new(limit.saturating_add(lease_timeout));
        let mut progress = Progress::new(Instant::now(), spec.timeout);
        let wait = || format!("another test process to start {}", spec.display_name());
        let mut step = FIRST_STEP;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(lock),
                Err((unlocked, Errno::EWOULDBLOCK | Errno::EINTR)) => file = unlocked,
                Err((_, errno)) => return Err(failed(&path, errno.into())),
            }
            if limit.is_over() {
                let what = format!("gave up waiting for {}", wait());
                return Err(Error::new(ErrorKind::Lease, what));
            }
            progress.tick(&wait, "");
            let sleep = |end: Instant| sys::wait_readable(&[], Some(end - Instant::now()));
            let _ = limit.sleep(step, sleep);
            step = (step * 2).min(LAST_STEP);
        }
    }

    /// Writes a file atomically: other processes see all of it or nothing.
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

/// Removes the directories of sessions whose runner and supervisors were killed.
fn clear_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&prefix()));
        let Some((pid, started)) = rest.and_then(|rest| rest.split_once('-')) else { continue };
        let (Ok(pid), Ok(started)) = (pid.parse(), started.parse()) else { continue };
        let has_runner = sys::Process::open(pid, started).is_some();
        if !has_runner && !has_listener(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path()); // Another session may be removing it too.
        }
    }
}

fn has_listener(directory: &Path) -> bool {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut sockets =
        files.map(|file| file.path()).filter(|path| path.extension() == Some("sock".as_ref()));
    sockets.any(|socket| UnixStream::connect(socket).is_ok())
}
