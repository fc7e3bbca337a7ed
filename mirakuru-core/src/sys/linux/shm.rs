//! Shared memory: segments of System V, and files in `/dev/shm`. `fallback/` has the same functions.

use std::fs;
use std::path::{Path, PathBuf};

use nix::libc;

use super::proc;

/// Where `shm_open` makes files.
const DIR: &str = "/dev/shm";

/// A segment of System V shared memory.
pub(crate) struct Segment {
    id: i32,
    pub(crate) creator: i32,
    pub(crate) is_attached: bool,
    /// When it was created or changed, in seconds since 1970.
    pub(crate) changed: u64,
}

/// Returns all segments.
pub(crate) fn segments() -> Vec<Segment> {
    let text = proc::read_text("/proc/sysvipc/shm").unwrap_or_default();
    text.lines().filter_map(segment_of).collect()
}

fn segment_of(line: &str) -> Option<Segment> {
    // key shmid perms size cpid lpid nattch uid gid cuid cgid atime dtime ctime rss swap
    let fields: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let number = |at: usize| fields.get(at).copied();
    Some(Segment {
        id: i32::try_from(number(1)?).ok()?,
        creator: i32::try_from(number(4)?).ok()?,
        is_attached: number(6)? > 0,
        changed: number(13)?,
    })
}

/// Removes a segment, if this user may.
pub(crate) fn remove_segment(segment: &Segment) {
    // SAFETY: the command reads no memory of ours.
    unsafe { libc::shmctl(segment.id, libc::IPC_RMID, std::ptr::null_mut()) };
}

/// Returns true if there are files in `/dev/shm`, or if that is unknown.
pub(crate) fn has_shm_files() -> bool {
    fs::read_dir(DIR).map_or(true, |mut files| files.next().is_some())
}

/// Returns the files that a process has mapped and that can have been made by `shm_open`: those in
/// `/dev/shm` itself.
pub(crate) fn mapped_shm_files(pid: i32) -> Vec<PathBuf> {
    let maps = proc::read_of(pid, "maps");
    let maps = String::from_utf8_lossy(&maps);
    let path = |line: &str| line.find("/dev/shm/").map(|at| PathBuf::from(&line[at..]));
    let is_direct = |path: &PathBuf| path.parent() == Some(Path::new(DIR));
    maps.lines().filter_map(path).filter(is_direct).collect()
}
