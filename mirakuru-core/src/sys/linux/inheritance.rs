//! What a child inherits from a thread.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::libc;
use nix::sys::stat::Mode;

use super::proc::read_file;

/// The lines of `status` that a child inherits.
const LINES: [&str; 13] = [
    "Umask:",
    "Uid:",
    "Gid:",
    "Groups:",
    "CapInh:",
    "CapPrm:",
    "CapEff:",
    "CapBnd:",
    "CapAmb:",
    "NoNewPrivs:",
    "Seccomp",
    "Cpus_allowed:",
    "Mems_allowed:",
];

const FILES: [&str; 2] = ["cgroup", "oom_score_adj"];

const LINKS: [&str; 8] = [
    "ns/cgroup",
    "ns/ipc",
    "ns/mnt",
    "ns/net",
    "ns/pid_for_children",
    "ns/time_for_children",
    "ns/user",
    "ns/uts",
];

/// The number of resource limits, `RLIM_NLIMITS`.
const LIMITS: u32 = 16;

/// Returns all that a child inherits from this thread and that is not given to it later: users, capabilities,
/// namespaces, limits and the like. As long as it stays the same, one child can start another in place
/// of this thread. None if the kernel does not show it.
///
/// Each start waits for it, so what a system call tells is not read from `/proc`, which takes longer.
pub(crate) fn inheritance() -> Option<Vec<u8>> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let own = open("/proc/thread-self", flags, Mode::empty()).ok()?;
    let read = |name: &str| {
        let file = openat(&own, name, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
        read_file(file.ok()?.into()).ok()
    };
    let status = String::from_utf8(read("status")?).ok()?;
    let mut all = Vec::new();
    for line in status.lines().filter(|line| LINES.iter().any(|name| line.starts_with(name))) {
        all.extend(line.as_bytes());
    }
    for name in FILES {
        all.extend(read(name).unwrap_or_default());
    }
    for name in LINKS {
        all.extend(readlinkat(&own, name).unwrap_or_default().as_bytes());
    }
    // The link `root` is `/` within a chroot, too.
    let root = fs::metadata("/").ok()?;
    all.extend([root.dev(), root.ino()].map(u64::to_ne_bytes).as_flattened());
    all.extend(limits().as_flattened().iter().flat_map(|number| number.to_ne_bytes()));
    all.extend(scheduling().map(libc::c_long::to_ne_bytes).as_flattened());
    // SAFETY: the call reads no memory of ours, and this argument changes nothing.
    all.extend(unsafe { libc::personality(0xffff_ffff) }.to_ne_bytes());
    Some(all)
}

/// Returns the soft and the hard limit of each resource.
fn limits() -> [[u64; 2]; LIMITS as usize] {
    let mut all = [[0; 2]; LIMITS as usize];
    for (resource, limits) in (0..LIMITS).zip(&mut all) {
        // SAFETY: the call reads no memory of ours, and writes two numbers. An error leaves them as they are.
        unsafe {
            libc::syscall(libc::SYS_prlimit64, 0, resource, std::ptr::null::<u64>(), limits);
        }
    }
    all
}

/// Returns the nice value, the policy and the priority of this thread. The calls of some C libraries are
/// stubs.
fn scheduling() -> [libc::c_long; 3] {
    let mut priority = 0;
    // SAFETY: the calls read no memory of ours, and one writes a number. An error is a number, too.
    unsafe {
        let nice = libc::syscall(libc::SYS_getpriority, libc::PRIO_PROCESS, 0);
        let policy = libc::syscall(libc::SYS_sched_getscheduler, 0);
        libc::syscall(libc::SYS_sched_getparam, 0, &raw mut priority);
        [nice, policy, i32::into(priority)]
    }
}
