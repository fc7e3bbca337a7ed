//! What only Linux has. `portable.rs` has the same functions.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, ppoll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, SockFlag, getsockopt, sockopt::PeerCredentials};
use nix::sys::time::TimeSpec;
use parking_lot::Mutex;

use super::Listener;

/// The program that this process runs, also after the file was replaced.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

/// The arguments of this process. Not from std, which knows them before `main` on glibc only.
pub(crate) fn arguments() -> Vec<OsString> {
    let bytes = fs::read("/proc/self/cmdline").unwrap_or_default();
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    bytes.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect()
}

/// Lets no child inherit a socket.
pub(crate) const SOCKET_FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC;

/// Lets a message to nobody be an error, not a signal.
pub(crate) const SEND_FLAGS: MsgFlags = MsgFlags::MSG_NOSIGNAL;

/// Whether `adopt_orphans` does anything.
pub(crate) const ADOPTS_ORPHANS: bool = true;

/// Makes orphans among the descendants children of this process.
pub(crate) fn adopt_orphans() {
    let _ = prctl::set_child_subreaper(true); // Every Linux since 3.4 has it.
}

/// Gives this process a name that `ps` and `top` show.
pub(crate) fn set_name(name: &std::ffi::CStr) {
    let _ = prctl::set_name(name); // Only a name.
}

/// Lets the calling process die when the thread that made it ends.
pub(crate) fn tie_to_parent() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL); // SIGKILL is a valid signal.
}

/// Closes all descriptors from 3 on, whoever left them inheritable.
pub(crate) fn close_inherited() {
    // SAFETY: the caller owns no descriptor yet but 0, 1 and 2.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) } == 0 {
        return;
    }
    // A kernel before 5.9. The list is complete before the first one is closed.
    let fds = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let fds = fds.filter_map(|fd| fd.file_name().to_str()?.parse::<i32>().ok());
    for fd in fds.filter(|fd| *fd > 2).collect::<Vec<_>>() {
        let _ = nix::unistd::close(fd); // The one of the list itself is closed already.
    }
}

/// A pipe that no child inherits: what reads, what writes.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(nix::unistd::pipe2(OFlag::O_CLOEXEC)?)
}

/// Polls once, for at most the time that is left.
pub(crate) fn poll_once(fds: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    ppoll(fds, left.map(TimeSpec::from_duration), None)
}

/// The children of a process, also those of its threads.
pub(crate) fn children_of(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().map(|task| fs::read_to_string(task.path().join("children")));
    let text: String = lists.flatten().collect();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// All that descends from `root`, parents before their children, without `root`.
pub(crate) fn descendants_of(root: i32) -> Vec<i32> {
    let mut found = children_of(root);
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children_of(pid));
        next += 1;
    }
    found
}

/// Sends a signal to all that descends from `root`, parents before their children.
pub(crate) fn signal_descendants(root: i32, signal: i32) {
    for pid in children_of(root) {
        // The descriptor means one process for good. If that is still a child of its parent, it
        // is the one that was listed, and no later one with its number.
        let Ok(process) = open_process(pid) else { continue };
        if parent_of(pid) == Some(root) {
            send_signal(&process, signal);
            signal_descendants(pid, signal);
        }
    }
}

/// Kills every process that has `mark` in its environment, and waits until they have ended.
pub(crate) fn kill_marked(mark: &str, deadline: Instant) {
    loop {
        // The descriptor comes before the look, so that it means the process that was looked at.
        let open = |pid| open_process(pid).ok().filter(|_| is_marked(pid, mark));
        let marked: Vec<_> = all_processes().filter_map(open).collect();
        marked.iter().for_each(|process| send_signal(process, libc::SIGKILL));
        for process in &marked {
            let left = deadline.saturating_duration_since(Instant::now());
            let _ = super::wait_readable(&[process.as_fd()], Some(left)); // It becomes readable at its end.
        }
        // One of them may have made another meanwhile.
        if marked.is_empty() || Instant::now() >= deadline {
            return;
        }
    }
}

/// All processes that have `mark` in their environment.
pub(crate) fn marked(mark: &str) -> Vec<i32> {
    all_processes().filter(|pid| is_marked(*pid, mark)).collect()
}

fn is_marked(pid: i32, mark: &str) -> bool {
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

fn all_processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn send_signal(process: &OwnedFd, signal: i32) {
    let no_info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: a null pointer stands for "no information", and no other memory is read. That the
    // process has ended meanwhile is no fault.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, no_info, 0) };
}

fn open_process(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call reads no memory of ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the kernel just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Whether a process exists and has not ended.
pub(crate) fn is_alive(pid: i32) -> bool {
    stat_fields(pid).is_some_and(|fields| !matches!(fields[0].as_str(), "Z" | "X"))
}

/// Whether a process stands still: stopped, or at its end.
pub(crate) fn is_paused(pid: i32) -> bool {
    stat_fields(pid).is_none_or(|fields| matches!(fields[0].as_str(), "T" | "t" | "Z" | "X"))
}

/// Whether a process is at its end, or past it. None where this cannot be told.
pub(crate) fn is_ending(pid: i32) -> Option<bool> {
    const PF_EXITING: u32 = 0x4; // Set before the kernel closes what the process has open.
    let Some(fields) = stat_fields(pid) else { return Some(true) };
    let flags: u32 = fields[6].parse().ok()?;
    Some(flags & PF_EXITING != 0)
}

/// The process that made the given one.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    stat_fields(pid)?[1].parse().ok()
}

/// When a process started, in a unit that tells it from a later one with the same number.
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    stat_fields(pid)?[19].parse().ok()
}

/// The fields of `/proc/PID/stat` from the state on, at least twenty.
fn stat_fields(pid: i32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before it stands in parentheses and may hold anything.
    let fields = stat.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect::<Vec<_>>();
    (fields.len() >= 20).then_some(fields)
}

/// The process that has made this one.
pub(crate) fn parent_process() -> Option<Process> {
    let parent = nix::unistd::getppid().as_raw();
    Process::open(parent, start_time(parent)?)
}

/// A process of somebody else's, which is told from a later one with the same number.
pub(crate) struct Process {
    pid: i32,
    started: u64,
    /// None where the kernel does not give it out.
    process: Option<OwnedFd>,
}

impl Process {
    /// The process with this number, if it is the one that started at this time.
    pub(crate) fn open(pid: i32, started: u64) -> Option<Self> {
        let process = Self { pid, started, process: open_process(pid).ok() };
        // After the descriptor was opened, so that it means the process that is looked at.
        process.is_listed().then_some(process)
    }

    /// What becomes readable when the process ends.
    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(AsFd::as_fd)
    }

    /// How often to look at it, if nothing wakes up who waits for its end.
    pub(crate) fn look_after(&self) -> Option<Duration> {
        self.process.is_none().then_some(Duration::from_millis(200))
    }

    pub(crate) fn is_alive(&self) -> bool {
        let Some(process) = &self.process else { return self.is_listed() };
        let ended = super::wait_readable(&[process.as_fd()], Some(Duration::ZERO));
        ended.is_ok_and(|ended| ended == [false])
    }

    fn is_listed(&self) -> bool {
        is_alive(self.pid) && start_time(self.pid) == Some(self.started)
    }
}

/// The name of the program that a process runs.
pub(crate) fn program_name(pid: i32) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned())
}

/// The command line of a process, in one line.
pub(crate) fn command_line(pid: i32) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&bytes).replace('\0', " ");
    Some(text.trim_end().to_owned())
}

/// The value of a variable in the environment of a process.
pub(crate) fn variable_of(pid: i32, name: &str) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let environ = String::from_utf8_lossy(&environ).into_owned();
    environ
        .split('\0')
        .find_map(|variable| Some(variable.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// Whether a process has the socket with this inode open; `None` if that may not be looked at.
pub(crate) fn holds_socket(pid: i32, inode: u64) -> Option<bool> {
    let wanted = PathBuf::from(format!("socket:[{inode}]"));
    let fds = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(fds) => fds,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return None,
        // It ended meanwhile.
        Err(_) => return Some(false),
    };
    let mut links = fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
    Some(links.any(|link| link == wanted))
}

/// A process that has the socket with this inode open, if it may be looked at.
pub(crate) fn holder_of_socket(inode: u64) -> Option<i32> {
    all_processes().find(|pid| holds_socket(*pid, inode) == Some(true))
}

/// The process at the other end of a Unix connection.
pub(crate) fn peer_pid(stream: &UnixStream) -> Option<i32> {
    getsockopt(stream, PeerCredentials).ok().map(|peer| peer.pid())
}

/// The user of the process at the other end of a Unix connection.
pub(crate) fn peer_user(stream: &UnixStream) -> Option<u32> {
    getsockopt(stream, PeerCredentials).ok().map(|peer| peer.uid())
}

/// Who listens at a TCP address, without a connection.
pub(crate) fn listener(address: SocketAddr) -> Listener {
    super::sock_diag::listener(address).unwrap_or(Listener::Unknown)
}

/// Watchers that nobody uses now. They are kept because closing one takes the kernel some 8 ms.
static IDLE_WATCHERS: Mutex<Vec<Inotify>> = Mutex::new(Vec::new());

/// Wakes a wait when one of the watched paths changes.
pub(crate) struct Watcher {
    inotify: Option<Inotify>,
    watched: HashMap<PathBuf, WatchDescriptor>,
}

impl Watcher {
    /// A watcher without paths. Where the system has none left, it never wakes anybody.
    pub(crate) fn new() -> Self {
        let idle = IDLE_WATCHERS.lock().pop();
        let flags = InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC;
        let inotify = idle.or_else(|| Inotify::init(flags).ok());
        Self { inotify, watched: HashMap::new() }
    }

    /// Watches a file, or what comes into a folder. Returns whether it is watched.
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

    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Forgets what has happened so far, and watches that have ended with what they watched.
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
            let _ = inotify.rm_watch(*watch); // It is gone already if its file is.
        }
        IDLE_WATCHERS.lock().push(inotify);
    }
}

/// What tells one state of a file from another.
pub(crate) fn file_identity(path: &Path) -> Option<(u64, i64, i64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}
