//! The socket in the session's directory to which other test processes connect.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::supervisor::settings::ENDED;
use crate::sys::{self, PrivateDir};

/// The session's socket.
pub(super) struct SessionListener {
    listener: UnixListener,
    files: SessionFiles,
    /// No connection is accepted until then.
    paused_until: Option<Instant>,
}

/// The files of a shared server in the session's directory.
pub(super) struct SessionFiles {
    /// As long as it is open, no other session removes it.
    directory: PrivateDir,
    /// The name of the socket.
    name: OsString,
    /// The server is kept as long as this process lives.
    runner: sys::Process,
}

/// The pause after a connection could not be accepted, because there are too many descriptors.
const PAUSE: Duration = Duration::from_millis(20);

impl SessionListener {
    /// Returns none if the runner has ended.
    pub(super) fn open(
        listener: OwnedFd,
        directory: OwnedFd,
        runner: i32,
        started: u64,
    ) -> Option<Self> {
        let listener = UnixListener::from(listener);
        // A process that connected may have ended before `accept`, which must not block then.
        listener.set_nonblocking(true).ok()?;
        let socket = listener.local_addr().ok()?.as_pathname().map(PathBuf::from)?;
        let directory = PrivateDir::adopt(directory, socket.parent()?);
        let name = socket.file_name()?.to_owned();
        let runner = sys::Process::open(runner, started)?;
        Some(Self { listener, files: SessionFiles { directory, name, runner }, paused_until: None })
    }

    /// Returns the descriptor that becomes readable when a process connects.
    pub(super) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        let is_paused = self.paused_until.is_some_and(|end| Instant::now() < end);
        (!is_paused).then(|| self.listener.as_fd())
    }

    /// Returns the descriptor that becomes readable when the runner ends.
    pub(super) fn runner_fd(&self) -> Option<BorrowedFd<'_>> {
        self.files.runner.as_fd()
    }

    /// Returns after what time to check the runner where no descriptor announces its end, or to accept
    /// connections again.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let pause = self.paused_until.map(|end| end.saturating_duration_since(Instant::now()));
        let pause = pause.filter(|pause| !pause.is_zero());
        [pause, self.files.runner.poll_interval()].into_iter().flatten().min()
    }

    pub(super) fn has_runner(&self) -> bool {
        self.files.runner.is_alive()
    }

    /// Accepts a connection of a process of this user, if there is one.
    pub(super) fn accept(&mut self) -> Option<UnixStream> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Its process may have ended. Otherwise, those that wait could not be accepted at once.
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.paused_until = Some(Instant::now() + PAUSE);
                }
                return None;
            }
        };
        let is_ours = sys::peer_user(&stream).is_none_or(|user| user == sys::effective_user());
        is_ours.then_some(stream)
    }

    /// Removes the socket, so that no process connects any more. The manifest stays, under another name:
    /// if this process is killed, others need it to find what is left of the server.
    pub(super) fn close(self) -> SessionFiles {
        let Self { files, .. } = self;
        let _ = fs::rename(files.file("info"), files.ended_manifest());
        // The socket comes last: no other server is started before it is gone.
        let _ = fs::remove_file(files.file("sock")); // May be removed already.
        files
    }
}

impl SessionFiles {
    fn file(&self, extension: &str) -> PathBuf {
        self.directory.file(Path::new(&self.name).with_extension(extension))
    }

    fn ended_manifest(&self) -> PathBuf {
        self.file(&format!("{}.{ENDED}", std::process::id()))
    }

    /// Removes the manifest, and the directory of a session that is over, unless another server still
    /// has a file in it.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(self.ended_manifest());
        if self.runner.is_alive() {
            return;
        }
        let files = fs::read_dir(self.directory.file("")).into_iter().flatten().flatten();
        let files = files.map(|file| file.path());
        let is_of_server = |path: PathBuf| {
            path.extension().is_some_and(|extension| extension == "sock" || extension == ENDED)
        };
        if !files.into_iter().any(is_of_server) {
            self.directory.remove();
        }
    }
}
