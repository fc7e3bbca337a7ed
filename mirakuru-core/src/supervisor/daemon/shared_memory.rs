//! The shared memory that a server leaves behind: the kernel does not remove it with the processes.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::sys;

/// The clock of file systems lags behind the one that programs read.
const CLOCK_LAG: Duration = Duration::from_millis(100);

pub(super) struct SharedMemory {
    /// Nothing that is older belongs to the server.
    since: SystemTime,
    processes: HashSet<i32>,
    /// The files in `/dev/shm` that its processes had mapped.
    files: HashSet<PathBuf>,
    /// They could not remove the files: they were killed, or the server has crashed.
    is_abandoned: bool,
}

impl SharedMemory {
    /// Begins with a server that is about to start.
    pub(super) fn begin() -> Self {
        let since = SystemTime::now() - CLOCK_LAG;
        Self { since, processes: HashSet::new(), files: HashSet::new(), is_abandoned: false }
    }

    /// Notes a process of the server.
    pub(super) fn add(&mut self, pid: i32) {
        self.processes.insert(pid);
    }

    /// Notes what the descendants of the supervisor have mapped.
    pub(super) fn note_mapped(&mut self, supervisor: i32) {
        for pid in sys::descendants_of(supervisor) {
            self.files.extend(sys::mapped_shm_files(pid));
            self.add(pid);
        }
    }

    /// Notes that the processes do not get to remove what they have made.
    pub(super) fn abandon(&mut self) {
        self.is_abandoned = true;
    }

    /// Removes what the processes have left and no other process uses. A file that a server leaves
    /// behind in an orderly stop may be meant to stay.
    pub(super) fn remove(&mut self) {
        let since = self.since.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
        for segment in sys::segments() {
            let is_ours = self.processes.contains(&segment.creator) && segment.changed >= since;
            if is_ours && !segment.is_attached {
                sys::remove_segment(&segment);
            }
        }
        for file in self.files.drain().filter(|_| self.is_abandoned) {
            if is_newer(&file, self.since) && !is_mapped(&file) {
                let _ = fs::remove_file(file); // It may belong to another user.
            }
        }
    }
}

/// Returns true if a file was created after that; false if the file system does not tell.
fn is_newer(file: &Path, since: SystemTime) -> bool {
    fs::metadata(file).and_then(|meta| meta.created()).is_ok_and(|created| created >= since)
}

fn is_mapped(file: &Path) -> bool {
    sys::all_processes().any(|pid| sys::mapped_shm_files(pid).iter().any(|mapped| mapped == file))
}
