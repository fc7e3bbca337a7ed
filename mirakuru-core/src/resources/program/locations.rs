//! Where programs are kept.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

/// The search path if there is no `PATH`.
pub(super) const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The directories where distributions and Homebrew keep servers that are not for users to call.
const SERVER_DIRS: [&str; 8] = [
    "/usr/sbin",
    "/usr/local/sbin",
    "/sbin",
    "/opt/homebrew/sbin",
    "/usr/share/zookeeper/bin",
    "/usr/libexec",
    "/opt/homebrew/opt/openldap/libexec",
    "/usr/local/opt/openldap/libexec",
];

/// The parents of PostgreSQL's directories, of which there is one for each version: of Debian, of
/// Fedora, and of Homebrew.
const POSTGRES_DIRS: [&str; 4] =
    ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"];

/// Returns the directory where cargo puts the binaries of the package under test: that of this program,
/// or its parent if it is a test or an example.
pub(crate) fn binaries_dir() -> Option<PathBuf> {
    let exe = env::current_exe().ok()?;
    let dir = exe.parent()?;
    let is_below = dir.file_name().is_some_and(|name| name == "deps" || name == "examples");
    Some(if is_below { dir.parent()? } else { dir }.to_owned())
}

/// Returns true if this user can execute the file.
pub(super) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Returns directories with programs that are not in `searched`.
pub(super) fn other_dirs(searched: &[PathBuf]) -> Vec<PathBuf> {
    let own_path = own_path().into_iter().chain(env::split_paths(DEFAULT_PATH));
    server_dirs().chain(own_path).filter(|dir| !searched.contains(dir)).collect()
}

/// Returns `PATH` with the directories of servers at its end.
pub(crate) fn path_with_servers() -> OsString {
    let dirs = own_path().into_iter().chain(server_dirs().filter(|dir| dir.is_dir()));
    env::join_paths(dirs).unwrap_or_default()
}

/// Finds a program in [`path_with_servers`].
pub(crate) fn find_server(name: &str) -> Option<PathBuf> {
    let paths = own_path().into_iter().chain(server_dirs()).map(|dir| dir.join(name));
    paths.into_iter().find(|path| is_executable(path))
}

fn own_path() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into())).collect()
}

fn server_dirs() -> impl Iterator<Item = PathBuf> {
    SERVER_DIRS.map(PathBuf::from).into_iter().chain(postgres_dirs())
}

/// Returns PostgreSQL's directories, that of the latest version first.
fn postgres_dirs() -> Vec<PathBuf> {
    let entries = POSTGRES_DIRS.iter().filter_map(|parent| fs::read_dir(parent).ok()).flatten();
    let versions = entries.flatten().filter_map(|entry| {
        let version = postgres_version(entry.file_name().to_str()?)?;
        Some((version, entry.path().join("bin")))
    });
    let mut dirs: Vec<_> = versions.collect();
    dirs.sort();
    dirs.into_iter().rev().map(|(_, dir)| dir).collect()
}

/// Returns the version of a directory such as `15`, `9.6`, `pgsql-15` or `postgresql@15`.
fn postgres_version(dir: &str) -> Option<u32> {
    let version = dir.trim_start_matches("postgresql@").trim_start_matches("pgsql-");
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::postgres_version;

    #[test]
    fn versions_of_postgres_are_numbers() {
        let versions = ["9.6", "15", "pgsql-16", "postgresql@17", "bin"].map(postgres_version);
        assert_eq!(versions, [Some(9), Some(15), Some(16), Some(17), None]);
    }
}
