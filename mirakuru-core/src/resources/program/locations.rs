//! Where programs are kept.

use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// The search path if there is no `PATH`.
pub(super) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The directories where distributions keep servers that are not for users to call.
const SERVER_DIRS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/// The parent of PostgreSQL's directories, of which there is one for each version.
const POSTGRES_DIR: &str = "/usr/lib/postgresql";

/// Returns the directory where cargo puts the binaries of the package under test: that of the test
/// binary, or its parent.
pub(crate) fn binaries_dir() -> Option<PathBuf> {
    let exe = std::env::current_exe().ok()?;
    let dir = exe.parent()?;
    let is_below = dir.file_name().is_some_and(|name| name == "deps");
    Some(if is_below { dir.parent()? } else { dir }.to_owned())
}

/// Returns true if this user can execute the file.
pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Returns directories with programs that are not in `searched`.
pub(super) fn other_dirs(searched: &[PathBuf]) -> Vec<PathBuf> {
    let own_path = std::env::var_os("PATH").unwrap_or_default();
    let own_path = std::env::split_paths(&own_path).chain(std::env::split_paths(DEFAULT_PATH));
    let others = SERVER_DIRS.map(PathBuf::from).into_iter().chain(postgres_dirs()).chain(own_path);
    others.filter(|dir| !searched.contains(dir)).collect()
}

/// Returns PostgreSQL's directories, that of the latest version first.
fn postgres_dirs() -> Vec<PathBuf> {
    let versions = fs::read_dir(POSTGRES_DIR).into_iter().flatten().flatten();
    let mut dirs: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    dirs.sort();
    dirs.reverse();
    dirs
}
