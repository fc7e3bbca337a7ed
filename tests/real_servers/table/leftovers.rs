//! Whatever a server could leave behind: shared memory, and files outside `{dir}`.
//!
//! Other tests run at the same time. What is looked for is therefore what this server's own
//! processes had mapped or open, and files whose name has to do with the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mirakuru_rstest::Process;

/// Where servers write if they are not kept from it.
const PLACES: [&str; 8] =
    ["/run", "/tmp", "/var/tmp", "/var/lib", "/var/lib/misc", "/var/cache", "/var/log", "/root"];

/// The shared memory and the files that a server's processes used while they ran.
pub(super) struct Traces {
    pids: Vec<u32>,
    /// Files of `/dev/shm`, and files outside `{dir}` that were open for writing.
    files: BTreeSet<PathBuf>,
    /// The ids of the SysV segments that they had attached.
    segments: BTreeSet<u64>,
}

impl Traces {
    pub(super) fn of(process: &Process, pids: &[u32]) -> Self {
        let mut found =
            Self { pids: pids.to_vec(), files: BTreeSet::new(), segments: BTreeSet::new() };
        for pid in pids {
            let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            maps.lines().for_each(|line| found.add_mapping(line));
            let files = written_files(*pid).into_iter();
            let log = process.log().path().parent().map(Path::to_owned);
            let own = [Some(process.dir().to_owned()), log];
            let is_own = |file: &PathBuf| own.iter().flatten().any(|dir| file.starts_with(dir));
            found.files.extend(files.filter(|file| !is_own(file)));
        }
        found
    }

    /// Adds the shared memory of a line of `/proc/PID/maps`.
    fn add_mapping(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        let [_, _, _, _, inode, name, ..] = words[..] else { return };
        if name.starts_with("/SYSV") {
            self.segments.extend(inode.parse::<u64>());
        } else if name.starts_with("/dev/shm/") {
            self.files.insert(PathBuf::from(name));
        }
    }

    /// Returns what is still there.
    pub(super) fn left(&self) -> Option<String> {
        let files: Vec<_> = self.files.iter().filter(|file| file.exists()).collect();
        // After a line of names: the key, the id, the mode, the size, the creator …
        let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let is_ours = |row: &Vec<&str>| {
            let number = |at: usize| row.get(at)?.parse::<u64>().ok();
            number(1).is_some_and(|id| self.segments.contains(&id))
                || number(4)
                    .is_some_and(|creator| self.pids.iter().any(|pid| u64::from(*pid) == creator))
        };
        let segments: Vec<_> = rows.filter(is_ours).map(|row| row.join(" ")).collect();
        let is_clean = files.is_empty() && segments.is_empty();
        (!is_clean).then(|| format!("left: {files:?}, SysV segments: {segments:?}"))
    }
}

/// Returns the regular files that a process has open for writing.
fn written_files(pid: u32) -> Vec<PathBuf> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let written = fds.filter_map(|fd| {
        let file = fs::read_link(fd.path()).ok()?;
        let info = format!("/proc/{pid}/fdinfo/{}", fd.file_name().to_str()?);
        let info = fs::read_to_string(info).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        let is_written = u32::from_str_radix(flags.trim(), 8).ok()? & 3 != 0;
        (is_written && file.is_file()).then_some(file)
    });
    written.collect()
}

/// The files at the usual places whose names have to do with a server.
pub(super) struct Places {
    words: Vec<&'static str>,
    files: BTreeMap<PathBuf, SystemTime>,
}

impl Places {
    pub(super) fn of(words: Vec<&'static str>) -> Self {
        let files = files_named(&words);
        Self { words, files }
    }

    /// Returns what was created or written since.
    pub(super) fn changed(&self) -> Option<String> {
        let files = files_named(&self.words).into_iter();
        let changed: Vec<_> = files
            .filter(|(file, time)| self.files.get(file) != Some(time))
            .map(|(file, _)| file)
            .collect();
        (!changed.is_empty()).then(|| format!("written outside its directory: {changed:?}"))
    }
}

fn files_named(words: &[&str]) -> BTreeMap<PathBuf, SystemTime> {
    let entries = PLACES.iter().flat_map(|place| entries(Path::new(place)));
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        words.iter().any(|word| name.contains(word))
    };
    let mut files = BTreeMap::new();
    entries.filter(is_meant).for_each(|path| add_files(&path, &mut files));
    files
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn add_files(path: &Path, files: &mut BTreeMap<PathBuf, SystemTime>) {
    let Ok(meta) = fs::symlink_metadata(path) else { return };
    if meta.is_dir() {
        entries(path).iter().for_each(|path| add_files(path, files));
    } else if let Ok(time) = meta.modified() {
        files.insert(path.to_owned(), time);
    }
}
