//! Other processes, as `/proc` shows them. `fallback/` has the same functions.

use std::fs::{self, File};
use std::io::{self, Read};
use std::iter;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use nix::libc;

/// Reads a file of `/proc`.
pub(super) fn read_bytes(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    read_file(File::open(path)?)
}

/// Reads an open file of `/proc`. It has no size, without which std would read a few bytes at a time.
pub(super) fn read_file(mut file: File) -> io::Result<Vec<u8>> {
    let (mut bytes, mut length) = (vec![0; 4096], 0);
    loop {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if length == bytes.len() {
            bytes.resize(2 * length, 0);
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// Reads a file of `/proc` that is text.
pub(super) fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    String::from_utf8(read_bytes(path)?).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Returns the children of a process, including those of its threads.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    let text: String = of_threads(pid, "children").collect();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Returns the descendants of `root`, parents before their children.
pub(crate) fn descendants_of(root: i32) -> Vec<i32> {
    let mut found = children_of(root);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children_of(pid));
        next += 1;
    }
    found
}

/// Returns the signals that a process ignores: the lowest bit is for signal 1.
pub(crate) fn ignored_signals(pid: i32) -> u64 {
    let status = read_text(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Returns all processes that have `mark` in their environment.
pub(crate) fn marked(mark: &str) -> Vec<i32> {
    all_processes().filter(|pid| is_marked(*pid, mark)).collect()
}

/// Returns true if a process has `mark` in its environment.
pub(super) fn is_marked(pid: i32, mark: &str) -> bool {
    has_variable(pid, mark) == Some(true)
}

/// Returns true if a process was started with `NAME=VALUE` in its environment; none if this user
/// cannot read it.
pub(crate) fn has_variable(pid: i32, variable: &str) -> Option<bool> {
    let environ = read_of(pid, "environ");
    let mut variables = environ.split(|byte| *byte == 0);
    (!environ.is_empty()).then(|| variables.any(|other| other == variable.as_bytes()))
}

/// Returns all processes.
pub(crate) fn all_processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns true if a process exists and is no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    Stat::of(pid).is_some_and(|stat| match stat.has_state("Z") {
        true => has_living_thread(pid),
        false => !stat.has_state("X"),
    })
}

/// Returns true if a process group has a process that is no zombie. Those that process 1 does not reap
/// stay for ever.
pub(crate) fn is_group_alive(group: i32) -> bool {
    let is_member = |pid: &i32| {
        Stat::of(*pid).is_some_and(|stat| stat.number(2) == Some(group)) && is_alive(*pid)
    };
    crate::sys::kill(-group, 0).is_ok() && all_processes().any(|pid| is_member(&pid))
}

/// Returns true if a process still has a thread that is not exiting. Its main thread may have ended
/// before the others: it is a zombie then, but the process is not.
fn has_living_thread(pid: i32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let is_exiting = |task: fs::DirEntry| Stat::read(task.path().join("stat"))?.is_exiting();
    tasks.flatten().filter_map(is_exiting).any(|is_exiting| !is_exiting)
}

/// Returns true if the main thread of a process is running, waiting for a disk, or exiting; none if the
/// kernel does not report it.
pub(crate) fn is_busy(pid: i32) -> Option<bool> {
    let Some(stat) = Stat::of(pid) else { return Some(false) };
    Some(stat.is_exiting()? && !stat.has_state("Z") || stat.has_state("RD"))
}

/// Returns true if the main thread of a process sleeps or is stopped, or has ended before others; none if the
/// kernel does not report it.
pub(crate) fn is_resting(pid: i32) -> Option<bool> {
    let Some(stat) = Stat::of(pid) else { return Some(false) };
    match stat.has_state("Z") {
        true => Some(has_living_thread(pid)),
        false => Some(!stat.is_exiting()? && !stat.has_state("RDX")),
    }
}

/// Returns true if a process is stopped or has ended.
pub(crate) fn is_paused(pid: i32) -> bool {
    Stat::of(pid).is_none_or(|stat| stat.has_state("TtZX"))
}

/// Returns true if all threads of a process sleep, those aside that have ended; none if all have.
pub(crate) fn is_asleep(pid: i32) -> Option<bool> {
    let main = Stat::of(pid)?;
    if main.has_one_thread() {
        return (!main.has_state("ZX")).then(|| main.has_state("S"));
    }
    let stats = of_threads(pid, "stat").filter_map(|text| Stat::parse(&text));
    let mut living = stats.filter(|stat| !stat.has_state("ZX")).peekable();
    living.peek()?;
    Some(living.all(|stat| stat.has_state("S")))
}

/// Returns how long the threads of a process have run; none if the kernel does not report it.
pub(crate) fn processor_time(pid: i32) -> Option<Duration> {
    let nanos = |stat: String| stat.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok());
    let times: Vec<_> = of_threads(pid, "schedstat").map(nanos).collect();
    times.into_iter().reduce(|a, b| Some(a? + b?))?.map(Duration::from_nanos)
}

/// Reads a file of each thread of a process.
fn of_threads(pid: i32, name: &str) -> impl Iterator<Item = String> {
    let tasks = PathBuf::from(format!("/proc/{pid}/task"));
    // Each thread is a link. Most processes have one, and a list takes four more system calls.
    let has_one = fs::metadata(&tasks).is_ok_and(|meta| meta.nlink() == LINKS_OF_A_DIRECTORY + 1);
    let one = has_one.then(|| tasks.join(pid.to_string()));
    let list = (!has_one).then(|| fs::read_dir(tasks)).into_iter().flatten().flatten().flatten();
    let all = one.into_iter().chain(list.map(|task| task.path()));
    all.filter_map(move |task| read_text(task.join(name)).ok())
}

/// The links of a directory in `/proc` that has no other directory in it.
const LINKS_OF_A_DIRECTORY: u64 = 2;

/// Returns true if a process is exiting or has ended; none if the kernel does not report it.
pub(crate) fn is_ending(pid: i32) -> Option<bool> {
    let Some(stat) = Stat::of(pid) else { return Some(true) };
    Some(stat.is_exiting()? && !has_living_thread(pid))
}

/// The flag of a thread that exits. It is set before the kernel closes what the process has open.
const PF_EXITING: u32 = 0x4;

/// Returns the parent of a process.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    Stat::of(pid)?.number(1)
}

/// Returns the start time of a process, which distinguishes it from a later one with the same id.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    Stat::of(pid)?.number(19)
}

/// `/proc/PID/stat` of a process or a thread, from the state on.
struct Stat(String);

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        Self::read(format!("/proc/{pid}/stat"))
    }

    fn read(path: impl AsRef<Path>) -> Option<Self> {
        Self::parse(&read_text(path).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name before them is in parentheses and can contain anything.
        Some(Self(text.rsplit_once(") ")?.1.to_owned()))
    }

    /// Returns a field; 0 is the state.
    fn field(&self, at: usize) -> Option<&str> {
        self.0.split(' ').nth(at)
    }

    fn number<T: FromStr>(&self, at: usize) -> Option<T> {
        self.field(at)?.parse().ok()
    }

    fn has_state(&self, states: &str) -> bool {
        self.0.starts_with(|state| states.contains(state))
    }

    fn has_one_thread(&self) -> bool {
        self.number(17) == Some(1)
    }

    fn is_exiting(&self) -> Option<bool> {
        Some(self.number::<u32>(6)? & PF_EXITING != 0)
    }
}

/// Returns the name of the program that a process runs.
pub(crate) fn program_name(pid: i32) -> Option<String> {
    Some(read_text(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// Returns true if a process runs the program of this file.
pub(crate) fn runs_program(pid: i32, file: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let exe = identity(format!("/proc/{pid}/exe").as_ref());
    exe.is_some() && exe == identity(file)
}

/// Returns true if another process traces this one, as a debugger does.
pub(crate) fn is_traced() -> bool {
    let status = read_text("/proc/self/status").unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.is_some_and(|pid| pid.trim() != "0")
}

/// Returns the command line of a process, in one line.
pub(crate) fn command_line(pid: i32) -> Option<String> {
    let bytes = read_of(pid, "cmdline");
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    Some(text.trim_end().to_owned()).filter(|text| !text.is_empty())
}

/// Returns the user that a process runs as.
pub(crate) fn user_of(pid: i32) -> Option<u32> {
    Some(fs::metadata(format!("/proc/{pid}")).ok()?.uid())
}

/// Returns the value of a variable in the environment of a process.
pub(crate) fn variable_of(pid: i32, name: &str) -> Option<String> {
    let environ = read_of(pid, "environ");
    let environ = String::from_utf8_lossy(&environ);
    environ
        .split('\0')
        .find_map(|variable| Some(variable.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// Returns the limit of descriptors of a process that has as many as it may.
pub(crate) fn exhausted_fd_limit(pid: i32) -> Option<usize> {
    let limits = String::from_utf8_lossy(&read_of(pid, "limits")).into_owned();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let limit = limit.split_whitespace().next()?.parse().ok()?;
    (open_files(pid).filter(io::Result::is_ok).count() >= limit).then_some(limit)
}

/// Returns the directories that show a process: its own, or those of its other threads if its main
/// thread has ended, whose files are empty then.
fn views(pid: i32) -> Vec<PathBuf> {
    let own = PathBuf::from(format!("/proc/{pid}"));
    if Stat::of(pid).is_none_or(|stat| !stat.has_state("Z")) {
        return vec![own];
    }
    let tasks = fs::read_dir(own.join("task")).into_iter().flatten().flatten();
    tasks.map(|task| task.path()).filter(|path| !path.ends_with(pid.to_string())).collect()
}

/// Reads a file of a process; empty if this user cannot.
pub(super) fn read_of(pid: i32, name: &str) -> Vec<u8> {
    let mut texts = views(pid).into_iter().filter_map(|view| read_bytes(view.join(name)).ok());
    texts.next().unwrap_or_default()
}

/// Returns what a process has open.
fn open_files(pid: i32) -> impl Iterator<Item = io::Result<PathBuf>> {
    fd_links(pid).map(|link| link.and_then(fs::read_link))
}

/// Returns the links to what a process has open.
fn fd_links(pid: i32) -> impl Iterator<Item = io::Result<PathBuf>> {
    views(pid).into_iter().flat_map(|view| {
        let (fds, error) = match fs::read_dir(view.join("fd")) {
            Ok(fds) => (Some(fds), None),
            Err(error) => (None, Some(Err(error))),
        };
        fds.into_iter().flatten().flatten().map(|fd| Ok(fd.path())).chain(error)
    })
}

/// Returns the inodes of the sockets that a process has open, if this user can inspect it.
pub(crate) fn sockets_of(pid: i32) -> Vec<u64> {
    let inode =
        |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    open_files(pid).flatten().filter_map(inode).collect()
}

/// A descriptor of a process that is a certain socket.
pub(crate) struct SocketFd {
    pub(crate) pid: i32,
    link: PathBuf,
    inode: u64,
}

impl SocketFd {
    /// Finds the descriptor by which a process has the socket with this inode open.
    pub(crate) fn find(pid: i32, inode: u64) -> Option<Self> {
        // A server opens its socket early, and a list takes as long as ten links.
        let first = FIRST_FDS.map(|fd| PathBuf::from(format!("/proc/{pid}/fd/{fd}")));
        let mut all = first.chain(iter::once_with(|| fd_links(pid)).flatten().flatten());
        let link = all.find(|link| is_socket(link, inode))?;
        Some(Self { pid, link, inode })
    }

    /// Returns true if it is still the socket.
    pub(crate) fn is_open(&self) -> bool {
        is_socket(&self.link, self.inode)
    }
}

/// Where the descriptors begin that are no standard streams.
const FIRST_FDS: RangeInclusive<i32> = 3..=12;

fn is_socket(link: &Path, inode: u64) -> bool {
    fs::read_link(link).is_ok_and(|target| target == socket_name(inode))
}

fn socket_name(inode: u64) -> PathBuf {
    PathBuf::from(format!("socket:[{inode}]"))
}

/// Returns true if a process has the socket with this inode open; none if this user cannot inspect it.
pub(crate) fn owns_socket(pid: i32, inode: u64) -> Option<bool> {
    let wanted = socket_name(inode);
    for link in open_files(pid) {
        match link {
            Ok(link) if link == wanted => return Some(true),
            // Root without CAP_SYS_PTRACE, as in many containers, may list them only.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
            // It has ended, or /proc hides the processes of other users.
            Err(_) if is_of_another_user(pid) => return None,
            _ => {}
        }
    }
    Some(false)
}

fn is_of_another_user(pid: i32) -> bool {
    matches!(crate::sys::kill(pid, 0), Err(error) if error.raw_os_error() == Some(libc::EPERM))
}

/// Returns a process that has the socket with this inode open, if this user can inspect it.
pub(crate) fn socket_owner(inode: u64) -> Option<i32> {
    all_processes().find(|pid| owns_socket(*pid, inode) == Some(true))
}
