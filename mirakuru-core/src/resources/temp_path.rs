//! Paths that are removed when they are dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sys;

/// A folder or a socket that is removed when the process is dropped, should no supervisor have done
/// it.
#[derive(Debug)]
pub(crate) struct TempPath {
    path: PathBuf,
    /// A fork of this process has a copy of the guard that is not its to act on.
    owner: u32,
}

impl TempPath {
    /// Names something for the supervisor to make: at a path at which nothing is, and which is short
    /// enough for a socket's.
    pub(crate) fn named() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let owner = std::process::id();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        // A killed process with the same number may have left a folder behind.
        let nanos =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let path = sys::short_temp_dir().join(format!("mirakuru-{owner}-{count}-{nanos:x}"));
        Self { path, owner }
    }

    /// A path that another process is to remove.
    pub(crate) fn of_another(path: PathBuf) -> Self {
        Self { path, owner: 0 }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it to the supervisor, whatever becomes of this process.
    pub(crate) fn disarm(&mut self) {
        self.owner = 0;
    }

    /// Removes what a killed supervisor has left, so that the next one can make it.
    pub(crate) fn remove(&self) {
        // The supervisor usually was first.
        let _ = fs::remove_dir_all(&self.path).or_else(|_| fs::remove_file(&self.path));
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            self.remove();
        }
    }
}
