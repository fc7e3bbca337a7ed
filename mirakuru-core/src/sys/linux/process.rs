//! This process.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;

use super::proc::read_text;

/// Returns a path to the program that has this code in it, even after the file was replaced.
///
/// `/proc/self/exe` is another one if valgrind or `ld.so` runs the program. Fails if the code is in a
/// library: the program that has loaded it would do something else if it were run again.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    const EXE: &str = "/proc/self/exe";
    let maps = read_text("/proc/self/maps")?;
    // SAFETY: the call reads no memory of ours.
    let headers = unsafe { libc::getauxval(libc::AT_PHDR) } as usize;
    let program = mapped_file(&maps, headers);
    let own = mapped_file(&maps, own_program as fn() -> _ as usize);
    let (Some(program), Some(own)) = (program, own) else { return Ok(EXE.into()) };
    if own != program {
        return Err(crate::sys::in_library(own));
    }
    // The kernel marks the path of a file that was replaced, so that there is none at it.
    let identity = |path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let is_other = identity(own).is_some_and(|own| Some(own) != identity(EXE));
    Ok(if is_other { own } else { EXE }.into())
}

/// The command line of this process, for `ps`.
pub(crate) struct CommandLine {
    /// Its address.
    start: u64,
    room: usize,
}

impl CommandLine {
    /// Finds it in the memory of this process.
    pub(crate) fn find() -> Option<Self> {
        let stat = read_text("/proc/self/stat").ok()?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let numbers: Vec<u64> = fields.skip(45).take(2).filter_map(|it| it.parse().ok()).collect();
        let [start, end] = numbers[..] else { return None };
        Some(Self { start, room: end.saturating_sub(start) as usize })
    }

    /// Shows other words in its place, as far as there is room.
    pub(crate) fn show(&self, words: &[OsString]) {
        let mut bytes = words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>().join(&0);
        bytes.truncate(self.room.saturating_sub(1)); // Without a zero at the end, the kernel shows more than that.
        bytes.resize(self.room, 0);
        // The words are only for people to see.
        let memory = File::options().write(true).open("/proc/self/mem");
        let _ = memory.and_then(|memory| memory.write_all_at(&bytes, self.start));
    }
}

/// Returns the id that this process has in `/proc`, which may be that of another PID namespace.
pub(crate) fn proc_self() -> io::Result<u32> {
    let link = fs::read_link("/proc/self")?;
    link.to_str().and_then(|pid| pid.parse().ok()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Returns the file that is mapped at an address, from `FROM-TO perms offset device inode path`.
fn mapped_file(maps: &str, address: usize) -> Option<&str> {
    let number = |digits| usize::from_str_radix(digits, 16).ok();
    let line = maps.lines().find(|line| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let range = range.and_then(|(from, to)| Some(number(from)?..number(to)?));
        range.is_some_and(|range| range.contains(&address))
    })?;
    line.find('/').map(|path| &line[path..])
}

/// True if this system has subreapers.
pub(crate) const HAS_SUBREAPER: bool = true;

/// Makes this process the parent of orphaned descendants. Returns false if the kernel refuses that, as
/// in a sandbox.
pub(crate) fn become_subreaper() -> bool {
    prctl::set_child_subreaper(true).is_ok()
}

/// Sets the name of this process that `ps` and `top` show.
pub(crate) fn set_name(name: &std::ffi::CStr) {
    let _ = prctl::set_name(name); // Only a name.
}

/// Has the kernel send SIGKILL to this process when the thread that forked it ends.
pub(crate) fn set_pdeathsig() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL); // SIGKILL is a valid signal.
}

/// The stack of a child that shares the memory of this process.
const CHILD_STACK: usize = 64 * 1024; // 64 KiB

/// Calls `run` in a child, which ends with the exit code that it returns unless it executes a program.
///
/// Until then, this process sleeps, and the child uses its memory: to copy the page tables would take longer
/// than all else before `exec`. All signals must be blocked, and `run` must not allocate: nothing frees what a
/// child leaves that has executed a program.
pub(crate) fn fork_to_execute(run: &mut dyn FnMut() -> i32) -> io::Result<i32> {
    type Run<'a> = &'a mut dyn FnMut() -> i32;
    extern "C" fn call(run: *mut libc::c_void) -> libc::c_int {
        // SAFETY: it points to the variable below, which outlives the call: the parent sleeps.
        let run = unsafe { &mut *run.cast::<Run<'_>>() };
        panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(1)
    }
    let mut run: Run<'_> = run;
    let mut stack = Vec::<u8>::with_capacity(CHILD_STACK);
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the child has a stack of its own, which grows down from an aligned end and which nothing else
    // uses. This process has one thread, which sleeps until the child has left its memory.
    let pid = unsafe {
        let end = stack.as_mut_ptr().add(CHILD_STACK);
        let end = end.sub(end as usize % 16);
        libc::clone(call, end.cast(), flags, (&raw mut run).cast())
    };
    Ok(Errno::result(pid)?)
}

/// While it lives, the sleeps of this thread end on time. Otherwise, the kernel lets them end 50 µs late, to
/// wake for several timers at once.
pub(crate) struct PreciseSleeps {
    slack: Option<libc::c_ulong>,
}

impl PreciseSleeps {
    pub(crate) fn begin() -> Self {
        let slack =
            prctl::get_timerslack().ok().and_then(|slack| libc::c_ulong::try_from(slack).ok());
        Self { slack: slack.filter(|_| prctl::set_timerslack(1).is_ok()) }
    }
}

impl Drop for PreciseSleeps {
    fn drop(&mut self) {
        if let Some(slack) = self.slack {
            let _ = prctl::set_timerslack(slack); // A value that the kernel returned is valid.
        }
    }
}
