//! This process.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::Signal;

/// Returns a path to the program that has this code in it, even after the file was replaced.
///
/// `/proc/self/exe` is another one if valgrind or `ld.so` runs the program. Fails if the code is in a
/// library: the program that has loaded it would do something else if it were run again.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    const EXE: &str = "/proc/self/exe";
    let maps = fs::read_to_string("/proc/self/maps")?;
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
