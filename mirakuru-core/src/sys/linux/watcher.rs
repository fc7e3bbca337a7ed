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

    /// Watches a file, or the entries of a directory, until one change. Returns true if it is watched.
    ///
    /// The kernel removes the watch for the process that makes the change. To remove one takes longer than most
    /// looks at a file, and the test would wait for it. A watch that is made before the kernel has removed the
    /// one before is the same, and is removed, too; the event that follows has its number, and wakes once more.
    pub(crate) fn watch(&mut self, path: &Path) -> bool {
        if self.watched.contains_key(path) {
            return true;
        }
        let Some(inotify) = &self.inotify else { return false };
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_ONESHOT;
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

    /// Discards the events so far. What has changed is not watched any more: it has to be watched again, and
    /// looked at after that.
    pub(crate) fn clear(&mut self) {
        let Some(inotify) = &self.inotify else { return };
        while let Ok(events) = inotify.read_events() {
            if events.is_empty() {
                return;
            }
            self.watched.retain(|_, watch| events.iter().all(|event| event.wd != *watch));
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_change_wakes_once_and_what_changed_can_be_watched_again() {
        let dir = std::env::temp_dir().join(format!("mirakuru-watcher-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let mut watcher = Watcher::new();
        let wakes = |watcher: &Watcher| {
            let fd = watcher.as_fd().expect("this user has an inotify instance left");
            crate::sys::wait_readable(&[fd], Some(Duration::ZERO)).unwrap() == [true]
        };
        for name in ["first", "second"] {
            assert!(watcher.watch(&dir) && watcher.is_watching(&dir));
            assert!(!wakes(&watcher));
            fs::write(dir.join(name), "").unwrap();
            assert!(wakes(&watcher));
            watcher.clear();
            assert!(!watcher.is_watching(&dir) && !wakes(&watcher));
            fs::write(dir.join(name), "unseen").unwrap();
            assert!(!wakes(&watcher));
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
