//! A watch on files and directories, by inotify.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use parking_lot::Mutex;

/// Watchers that are not in use. They are kept because the kernel takes some 8 ms to close one.
static IDLE_WATCHERS: Mutex<Vec<Inotify>> = Mutex::new(Vec::new());

/// Wakes a wait when one of the watched paths changes.
pub(crate) struct Watcher {
    inotify: Option<Inotify>,
    watched: HashMap<PathBuf, WatchDescriptor>,
}

impl Watcher {
    /// Makes a watcher without paths. If the user has no inotify instance left, it never wakes a wait.
    pub(crate) fn new() -> Self {
        let idle = IDLE_WATCHERS.lock().pop();
        let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
        let inotify = idle.or_else(|| Inotify::init(flags).ok());
        Self { inotify, watched: HashMap::new() }
    }

    /// Watches a file, or the entries of a directory. Returns true if it is watched.
    pub(crate) fn watch(&mut self, path: &Path) -> bool {
        if self.watched.contains_key(path) {
            return true;
        }
        let Some(inotify) = &self.inotify else { return false };
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE_SELF;
        let watch = inotify.add_watch(path, flags).ok();
        watch.map(|watch| self.watched.insert(path.to_owned(), watch));
        watch.is_some()
    }

    /// Returns true if the path is watched, and the watch was not lost.
    pub(crate) fn is_watching(&self, path: &Path) -> bool {
        self.watched.contains_key(path)
    }

    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Discards the events so far, and the watches of paths that are gone.
    pub(crate) fn clear(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        while let Ok(events) = inotify.read_events() {
            let lost = AddWatchFlags::IN_IGNORED | AddWatchFlags::IN_MOVE_SELF;
            for event in events.iter().filter(|event| event.mask.intersects(lost)) {
                self.watched.retain(|_, watch| *watch != event.wd);
            }
            if events.is_empty() {
                return;
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let Some(inotify) = self.inotify.take() else { return };
        for watch in self.watched.values() {
            let _ = inotify.rm_watch(*watch); // The kernel removes it with its file.
        }
        IDLE_WATCHERS.lock().push(inotify);
    }
}
