//! Where others come to share a server.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use crate::sys;

/// A socket in the folder of a session. Whoever drops it lets nobody come any more.
pub(super) struct SessionListener {
    listener: UnixListener,
    path: PathBuf,
    /// The server is kept as long as this process lives.
    runner: sys::Process,
}

impl SessionListener {
    /// None if the runner has ended meanwhile.
    pub(super) fn open(listener: OwnedFd, runner: i32, started: u64) -> Option<Self> {
        let listener = UnixListener::from(listener);
        // Whoever has come may have gone again. Nobody must keep the supervisor from its work.
        listener.set_nonblocking(true).ok()?;
        let path = listener.local_addr().ok()?.as_pathname().map(PathBuf::from)?;
        Some(Self { listener, path, runner: sys::Process::open(runner, started)? })
    }

    /// What wakes up who waits for visitors and for the end of the runner.
    pub(super) fn fds(&self) -> (BorrowedFd<'_>, Option<BorrowedFd<'_>>) {
        (self.listener.as_fd(), self.runner.as_fd())
    }

    /// How often to look at the runner though nothing wakes up who waits for its end.
    pub(super) fn poll_interval(&self) -> Option<Duration> {
        self.runner.poll_interval()
    }

    pub(super) fn has_runner(&self) -> bool {
        self.runner.is_alive()
    }

    /// Another process of this user who has come, if one has.
    pub(super) fn accept(&self) -> Option<UnixStream> {
        let (stream, _) = self.listener.accept().ok()?;
        let is_ours = sys::peer_user(&stream).is_none_or(|user| user == sys::effective_user());
        is_ours.then_some(stream)
    }

    /// Removes the session's folder, unless another server is still in it.
    pub(super) fn end_session(self) {
        let folder = self.path.parent().map(PathBuf::from);
        drop(self);
        let Some(folder) = folder else { return };
        let files = fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
        if !files.into_iter().any(|file| file.extension() == Some("sock".as_ref())) {
            let _ = fs::remove_dir_all(folder); // Another supervisor may be at it too.
        }
    }
}

impl Drop for SessionListener {
    fn drop(&mut self) {
        // The socket comes last: nobody starts another server before it is gone.
        for extension in ["info", "sock"] {
            let _ = fs::remove_file(self.path.with_extension(extension)); // Another may clear up too.
        }
    }
}
