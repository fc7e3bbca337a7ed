//! This process.

use std::io;
use std::path::PathBuf;

use nix::sys::prctl;
use nix::sys::signal::Signal;

/// Returns a path to the program that this process runs, even after the file was replaced.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

/// True if `become_subreaper` has an effect.
pub(crate) const HAS_SUBREAPER: bool = true;

/// Makes this process the parent of orphaned descendants.
pub(crate) fn become_subreaper() {
    let _ = prctl::set_child_subreaper(true); // Every Linux since 3.4 has it.
}

/// Sets the name of this process that `ps` and `top` show.
pub(crate) fn set_name(name: &std::ffi::CStr) {
    let _ = prctl::set_name(name); // Only a name.
}

/// Has the kernel send SIGKILL to this process when the thread that forked it ends.
pub(crate) fn set_pdeathsig() {
    let _ = prctl::set_pdeathsig(Signal::SIGKILL); // SIGKILL is a valid signal.
}
