//! The functions of `linux/` for kernels without those calls. The cost: orphans are not adopted, the
//! listener at a port is unknown, and files are checked by a timer.

use std::collections::HashSet;
use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollTimeout, poll};
use nix::sys::resource::{Resource, getrlimit};

mod sockets;

pub(crate) use self::sockets::*;

pub(crate) fn own_program() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let identity = |path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    match own_object() {
        Some(own) if identity(&own).is_some_and(|own| Some(own) != identity(&program)) => {
            Err(super::in_library(&own.to_string_lossy()))
        }
        _ => Ok(program),
    }
}

/// Returns the path of the program or library that has this code in it, if the loader has one.
fn own_object() -> Option<PathBuf> {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    let code = own_object as fn() -> _ as *const libc::c_void;
    // SAFETY: the call writes to a living variable of the type that it is made for.
    if unsafe { libc::dladdr(code, info.as_mut_ptr()) } == 0 {
        return None;
    }
    // SAFETY: all zeroes are a valid value, and the name is a text that lives as long as the object.
    let name = unsafe { CStr::from_ptr(info.assume_init().dli_fname) }.to_bytes();
    // Without a slash, it is the name by which the program was called.
    name.contains(&b'/').then(|| OsStr::from_bytes(name).into())
}

pub(crate) const HAS_SUBREAPER: bool = false;

pub(crate) fn become_subreaper() -> bool {
    false
}

pub(crate) fn fork_to_execute(run: &mut dyn FnMut() -> i32) -> io::Result<i32> {
    super::fork(run)
}

pub(crate) fn set_name(_name: &CStr) {}

pub(crate) struct CommandLine;

impl CommandLine {
    pub(crate) fn find() -> Option<Self> {
        None
    }

    pub(crate) fn show(&self, _words: &[OsString]) {}
}

pub(crate) fn proc_self() -> io::Result<u32> {
    Ok(std::process::id())
}

pub(crate) fn set_pdeathsig() {}

pub(crate) fn close_inherited() {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _hard)| soft);
    for fd in 3..i32::try_from(limit).unwrap_or(65_536).min(65_536) {
        // The caller owns no descriptor yet but 0, 1 and 2; most of these are not open.
        let _ = nix::unistd::close(fd);
    }
}

pub(crate) fn path_of_fd(_fd: BorrowedFd<'_>) -> Option<PathBuf> {
    None
}

pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = nix::unistd::pipe()?;
    for end in [&read, &write] {
        fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    }
    Ok((read, write))
}

pub(crate) fn output_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe()?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((read, write))
}

pub(crate) fn move_bytes(pipe: &OwnedFd, file: &mut File) -> io::Result<usize> {
    super::copy_bytes(pipe, file)
}

pub(crate) fn queued_bytes(_pipe: &OwnedFd) -> Option<usize> {
    None
}

pub(crate) fn poll_once(fds: &mut [PollFd<'_>], left: Option<Duration>) -> nix::Result<i32> {
    // Rounded up, so that a wait of less than a millisecond does not spin.
    let millis = left.map(|left| left.as_micros().div_ceil(1000));
    let limit = millis.map_or(PollTimeout::NONE, |millis| {
        PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
    });
    poll(fds, limit)
}

pub(crate) fn children_of(_pid: i32) -> Vec<i32> {
    Vec::new()
}

pub(crate) fn descendants_of(_root: i32) -> Vec<i32> {
    Vec::new()
}

pub(crate) fn signal_descendants(_root: i32, _signal: i32) {}

pub(crate) fn signal_new_descendants(_root: i32, _signal: i32, _signalled: &mut HashSet<i32>) {}

pub(crate) fn ignored_signals(_pid: i32) -> u64 {
    0
}

pub(crate) fn marked(_mark: &str) -> Vec<i32> {
    Vec::new()
}

pub(crate) fn kill_marked(_mark: &str, _deadline: Instant) {}

pub(crate) fn wait_if_ending(_pid: i32, _deadline: Instant) {}

pub(crate) fn is_alive(pid: i32) -> bool {
    !matches!(super::kill(pid, 0), Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32))
}

pub(crate) fn is_group_alive(group: i32) -> bool {
    super::kill(-group, 0).is_ok()
}

pub(crate) fn is_paused(_pid: i32) -> bool {
    true
}

pub(crate) fn is_asleep(_pid: i32) -> Option<bool> {
    Some(false)
}

pub(crate) fn processor_time(_pid: i32) -> Option<Duration> {
    None
}

pub(crate) fn is_ending(_pid: i32) -> Option<bool> {
    None
}

pub(crate) fn is_resting(_pid: i32) -> Option<bool> {
    None
}

pub(crate) fn is_busy(_pid: i32) -> Option<bool> {
    None
}

pub(crate) fn parent_of(_pid: i32) -> Option<i32> {
    None
}

pub(crate) fn start_time(_pid: i32) -> Option<u64> {
    None
}

pub(crate) fn peer_process(_stream: &UnixStream) -> Option<Process> {
    None
}

pub(crate) struct Process {
    pid: i32,
}

impl Process {
    pub(crate) fn open(pid: i32, _started: u64) -> Option<Self> {
        Some(Self { pid }).filter(Self::is_alive)
    }

    pub(crate) fn adopt(_process: Option<OwnedFd>, pid: i32) -> Option<Self> {
        Self::open(pid, 0)
    }

    pub(crate) fn signal(&self, signal: i32) {
        let _ = super::kill(self.pid, signal); // It may have ended.
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    pub(crate) fn poll_interval(&self) -> Option<Duration> {
        Some(Duration::from_millis(200))
    }

    pub(crate) fn is_alive(&self) -> bool {
        is_alive(self.pid)
    }
}

pub(crate) fn own_pidfd() -> Option<OwnedFd> {
    None
}

pub(crate) fn inheritance() -> Option<Vec<u8>> {
    None
}

pub(crate) fn program_name(_pid: i32) -> Option<String> {
    None
}

pub(crate) fn has_variable(_pid: i32, _variable: &str) -> Option<bool> {
    None
}

pub(crate) fn runs_program(_pid: i32, _file: &Path) -> bool {
    false
}

pub(crate) fn is_traced() -> bool {
    false
}

pub(crate) fn command_line(_pid: i32) -> Option<String> {
    None
}

pub(crate) struct Segment {
    pub(crate) creator: i32,
    pub(crate) is_attached: bool,
    pub(crate) changed: u64,
}

pub(crate) fn segments() -> Vec<Segment> {
    Vec::new()
}

pub(crate) fn remove_segment(_segment: &Segment) {}

pub(crate) fn has_shm_files() -> bool {
    false
}

pub(crate) fn mapped_shm_files(_pid: i32) -> Vec<PathBuf> {
    Vec::new()
}

pub(crate) fn all_processes() -> impl Iterator<Item = i32> {
    std::iter::empty()
}

pub(crate) fn user_of(_pid: i32) -> Option<u32> {
    None
}

pub(crate) fn variable_of(_pid: i32, _name: &str) -> Option<String> {
    None
}

pub(crate) fn exhausted_fd_limit(_pid: i32) -> Option<usize> {
    None
}

pub(crate) struct SocketFd {
    pub(crate) pid: i32,
}

impl SocketFd {
    pub(crate) fn find(_pid: i32, _inode: u64) -> Option<Self> {
        None
    }

    pub(crate) fn is_open(&self) -> bool {
        false
    }
}

pub(crate) fn owns_socket(_pid: i32, _inode: u64) -> Option<bool> {
    None
}

pub(crate) fn socket_owner(_inode: u64) -> Option<i32> {
    None
}

pub(crate) struct PreciseSleeps;

impl PreciseSleeps {
    pub(crate) fn begin() -> Self {
        Self
    }
}

pub(crate) fn sockets_of(_pid: i32) -> Vec<u64> {
    Vec::new()
}

pub(crate) struct Watcher;

impl Watcher {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) fn watch(&mut self, _path: &Path) -> bool {
        false
    }

    pub(crate) fn is_watching(&self, _path: &Path) -> bool {
        false
    }

    pub(crate) fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    pub(crate) fn clear(&mut self) {}
}

pub(crate) fn file_identity(path: &Path) -> Option<(u64, i64, i64)> {
    let meta = fs::metadata(path).ok()?;
    Some((meta.ino(), meta.mtime(), meta.mtime_nsec()))
}
