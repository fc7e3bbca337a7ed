//! Paths that are removed when they are dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sys;

/// A directory or socket that is removed on drop, unless the supervisor has removed it before.
#[derive(Debug)]
pub(crate) struct TempPath {
    path: PathBuf,
    /// The process that removes the path. A fork has a copy of the guard, and must leave the path.
    owner: u32,
}

impl TempPath {
    /// Reserves a path in a directory, at which nothing exists, for the supervisor to create a directory
    /// or socket.
    pub(crate) fn reserve(parent: &Path) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let owner = std::process::id();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        // A killed process with the same id may have left a directory behind.
        let nanos =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
        let path = parent.join(format!("mirakuru-{owner}-{count}-{nanos:x}"));
        Self { path, owner }
    }

    /// Returns a path that another process removes.
    pub(crate) fn unowned(path: PathBuf) -> Self {
        Self { path, owner: 0 }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the path to the supervisor, whatever becomes of this process.
    pub(crate) fn disarm(&mut self) {
        self.owner = 0;
    }

    /// Removes what a killed supervisor has left, so that the next one can create it.
    pub(crate) fn remove(&self) {
        // Usually the supervisor has removed it already.
        let _ = sys::remove_tree(&self.path).or_else(|_| fs::remove_file(&self.path));
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        if self.owner == std::process::id() {
            self.remove();
        }
    }
}
