//! Whatever a server could leave behind: shared memory, and files outside `{dir}`.
//!
//! Other tests run at the same time. What is looked for is therefore what this server's own
//! processes had mapped or open, and files whose name begins with that of the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use mirakuru_rstest::Process;
use mirakuru_tests::{need, scratch_dir};

/// Where servers write if they are not kept from it.
const PLACES: [&str; 8] =
    ["/run", "/tmp", "/var/tmp", "/var/lib", "/var/lib/misc", "/var/cache", "/var/log", "/root"];

/// The shared memory and the files that a server's processes used while they ran.
pub(crate) struct Traces {
    pids: Vec<u32>,
    /// Files of `/dev/shm`, and files outside `{dir}` that were open for writing.
    files: BTreeSet<PathBuf>,
    /// The ids of the SysV segments that they had attached.
    segments: BTreeSet<u64>,
}

impl Traces {
    pub(crate) fn of(process: &Process, pids: &[u32]) -> Self {
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
    pub(super) fn left(&self, before: &Before) -> Option<String> {
        let files: Vec<_> = self.files.iter().filter(|file| file.exists()).collect();
        let is_ours = |id, creator| {
            let is_new = !before.segments.contains_key(&id);
            self.segments.contains(&id) || is_new && self.pids.contains(&creator)
        };
        let mut segments = segments();
        segments.retain(|id, creator| is_ours(*id, *creator));
        let is_clean = files.is_empty() && segments.is_empty();
        (!is_clean).then(|| format!("left: {files:?}, SysV segments and creators: {segments:?}"))
    }
}

/// Returns the ids of all SysV segments, with the processes that created them.
fn segments() -> BTreeMap<u64, u32> {
    // After a line of names: the key, the id, the mode, the size, the creator …
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter_map(|row| Some((row.get(1)?.parse().ok()?, row.get(4)?.parse().ok()?))).collect()
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

/// What was there before a server started.
pub(super) struct Before {
    words: Vec<&'static str>,
    /// The files at the usual places whose names begin with one of the words.
    files: BTreeMap<PathBuf, SystemTime>,
    /// A process that has ended may have left one, and its id may be in use again.
    segments: BTreeMap<u64, u32>,
}

impl Before {
    pub(super) fn start_of(words: Vec<&'static str>) -> Self {
        let files = files_named(&words);
        Self { words, files, segments: segments() }
    }

    /// Returns the files that were created or written since.
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
        // Other programs have files with a `tor` in the middle of their names.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        words.iter().any(|word| name.trim_start_matches('.').starts_with(word))
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

#[test]
fn a_segment_that_was_there_before_is_not_left_by_the_server() {
    let Some(ipcmk) = need("ipcmk") else { return };
    let segments_before = Before::start_of(vec![]);
    let made = Command::new(ipcmk).args(["--shmem", "4096"]).stdout(Stdio::piped()).spawn();
    let made = made.expect("it was found");
    let traces =
        Traces { pids: vec![made.id()], files: BTreeSet::new(), segments: BTreeSet::new() };
    let output = made.wait_with_output().expect("it ends").stdout;
    let left = [segments_before, Before::start_of(vec![])].map(|before| traces.left(&before));
    let id = String::from_utf8_lossy(&output).rsplit(' ').next().unwrap_or_default().to_owned();
    let removed = Command::new("ipcrm").args(["--shmem-id", id.trim()]).status();
    assert!(removed.is_ok_and(|status| status.success()));
    assert!(left[0].is_some(), "a new one is");
    assert_eq!(left[1], None);
}

#[test]
fn a_file_counts_if_its_name_begins_with_that_of_the_server() {
    let scratch = scratch_dir();
    let name = scratch.file_name().expect("a name").to_str().expect("of letters").to_owned();
    let (begin, middle) = (&*name.clone().leak(), &*name[1..].to_owned().leak());
    let befores = [begin, middle].map(|word| Before::start_of(vec![word]));
    fs::write(scratch.join("file"), "").expect("it can be written");
    assert_eq!(befores.map(|before| before.changed().is_some()), [true, false]);
}
