//! The directory in which the processes of one session meet.
//!
//! It belongs to the life of one runner, and only this user can enter it. For each server there are
//! files named after the key of its executor: `.lock` is held by the process that starts it; at `.sock`
//! its supervisor listens; `.info` is its manifest, `.PID.ended` when it is no longer shared; `.failed`
//! says why it did not start.
//!
//! Every process that uses the directory locks it, and so does every supervisor of a shared server.
//! Sessions of other PID namespaces may be in the same place, and their process ids mean nothing here.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::diagnostics::progress::Progress;
use crate::diagnostics::runner::Runner;
use crate::diagnostics::time_limit::{Pauses, REMOVAL_TIMEOUT, multiplied};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Executor;
use crate::resources::temp_dir;
use crate::server::manifest::ServerManifest;
use crate::sys::{self, PrivateDir};

pub(super) struct Directory {
    dir: PrivateDir,
}

impl Directory {
    /// Opens the directory of a runner's session, and creates it if it does not exist.
    pub(super) fn of(runner: Runner) -> Result<Self> {
        let parent = temp_dir::for_sockets()?;
        let path = parent.join(format!("{}{runner}", prefix()));
        let is_new = !path.exists();
        let mut pauses = Pauses::within(REMOVAL_TIMEOUT);
        let opened = PrivateDir::create_used(&path, || pauses.pause());
        let dir = opened.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Error::new(ErrorKind::PermissionDenied, error.to_string())
            }
            _ => failed(&path, error),
        })?;
        if is_new {
            clear_stale(&parent);
        }
        Ok(Self { dir })
    }

    /// Returns a path that leads into the open directory, for this process.
    pub(super) fn file(&self, name: &str, extension: &str) -> PathBuf {
        self.dir.file(name).with_extension(extension)
    }

    /// Returns the descriptor whose copies keep the directory.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
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
        let mut file = File::create(&path).map_err(|error| failed(self.dir.path(), error))?;
        let spec = executor.spec();
        let limit = multiplied(spec.timeout.saturating_add(spec.stop_timeout)).saturating_mul(2);
        let mut pauses = Pauses::within(limit.saturating_add(lease_timeout));
        let mut progress = Progress::new(Instant::now(), multiplied(spec.timeout));
        let wait = || format!("another test process to start {}", spec.display_name());
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(lock),
                Err((unlocked, Errno::EWOULDBLOCK | Errno::EINTR)) => file = unlocked,
                Err((_, errno)) => return Err(failed(self.dir.path(), errno.into())),
            }
            if !pauses.pause() {
                let what = format!("gave up waiting for {}", wait());
                return Err(Error::new(ErrorKind::Lease, what));
            }
            progress.tick(&wait, "");
        }
    }

    /// Removes what killed supervisors have left: the last one of a server, and those that were
    /// stopping one.
    pub(super) fn sweep(&self, name: &str) {
        ServerManifest::sweep(&self.file(name, "info"));
        ServerManifest::sweep_ended(&self.dir.file(""));
    }

    /// Writes a file atomically: other processes see all of it or nothing.
    pub(super) fn write(&self, name: &str, extension: &str, text: &str) -> Result<()> {
        let path = self.file(name, extension);
        sys::write_atomically(&path, text).map_err(|error| failed(self.dir.path(), error))
    }
}

/// Returns how the names of all sessions of this user begin. Another version of this library may have
/// other files.
fn prefix() -> String {
    format!("mirakuru-{}-{}-", sys::effective_user(), env!("CARGO_PKG_VERSION"))
}

fn failed(path: &Path, error: io::Error) -> Error {
    Error::os(format!("`{}` cannot be used for the session", path.display()), error)
}

/// Removes the directories of sessions whose runner and supervisors were killed.
fn clear_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&prefix()));
        // Between two tests, a session may have no process but its runner.
        if rest.and_then(Runner::of_name).is_none_or(Runner::is_alive) {
            continue;
        }
        if let Ok(dir) = PrivateDir::open(&entry.path()) {
            dir.remove_if_unused(ServerManifest::sweep_all);
        }
    }
}
