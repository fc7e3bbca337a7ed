//! Queries about processes and programs.

use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process;

use super::skipped;

/// Returns true if the process exists and is not a zombie. Takes a `u32` or an `i32`.
pub fn alive(pid: impl Display) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // The state is the first field after the name, which may contain blanks and parentheses.
    let state = stat.rsplit(')').next().and_then(|fields| fields.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// Returns the name of a process that `ps` shows.
pub fn name_of(pid: impl Display) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim_end().to_owned()
}

/// Returns the parent of a process that runs.
pub fn parent_of(pid: impl Display) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// Returns the processes, except this one, that have the mark in one of their arguments.
#[track_caller]
pub fn processes_with_mark(mark: &str) -> Vec<i32> {
    let has_mark = |argument: &[u8]| String::from_utf8_lossy(argument).contains(mark);
    processes().filter(|pid| strings_of(*pid, "cmdline").split(is_nul).any(has_mark)).collect()
}

/// Returns the processes, except this one, that were started with this variable.
#[track_caller]
pub fn processes_with_variable(name: &str, value: impl AsRef<OsStr>) -> Vec<i32> {
    let variable = [name.as_bytes(), b"=", value.as_ref().as_bytes()].concat();
    let has_it = |pid: &i32| strings_of(*pid, "environ").split(is_nul).any(|it| it == variable);
    processes().filter(has_it).collect()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").expect("/proc is there");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != process::id() as i32)
}

/// Returns the contents of a file of a process: strings, each with a NUL behind it.
fn strings_of(pid: i32, file: &str) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default()
}

fn is_nul(byte: &u8) -> bool {
    *byte == 0
}

/// Returns the path of a program. If it is missing, prints that the test is skipped, or panics on
/// CI.
#[track_caller]
pub fn need(program: &str) -> Option<PathBuf> {
    let found = directories().into_iter().map(|dir| dir.join(program)).find(|path| runs(path));
    if found.is_none() {
        assert!(env::var_os("CI").is_none(), "{program} is not installed, and CI needs it");
        skipped::without(program);
    }
    found
}

/// Returns true if a program is installed. Otherwise, prints that the test is skipped.
pub fn has(program: &str) -> bool {
    let has = directories().into_iter().any(|dir| runs(&dir.join(program)));
    if !has {
        skipped::without(program);
    }
    has
}

/// Returns the words that run a program as another user. If this user cannot do that, or that one
/// cannot reach the program, prints that the test is skipped.
pub fn as_other_user(program: &str) -> Option<&'static [&'static str]> {
    const AS_OTHER: &[&str] = &["setpriv", "--reuid=65534", "--clear-groups", "--"];
    need("setpriv")?;
    let can_run = process::Command::new(AS_OTHER[0])
        .args(&AS_OTHER[1..])
        .args(["test", "-x", program])
        .stderr(process::Stdio::null())
        .status();
    let can_run = can_run.is_ok_and(|status| status.success());
    if !can_run {
        println!("skipped: {program} cannot be run as another user from here");
    }
    can_run.then_some(AS_OTHER)
}

/// Returns the directories of `PATH`, and those in which distributions keep servers.
fn directories() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = env::split_paths(&path).collect();
    directories.extend(["/usr/sbin", "/usr/share/zookeeper/bin"].map(PathBuf::from));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut postgres: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    postgres.sort();
    directories.extend(postgres.into_iter().rev());
    directories
}

fn runs(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::process::{self, Command};

    use super::{alive, need, processes_with_mark};

    #[test]
    fn this_process_is_alive() {
        assert!(alive(process::id()));
    }

    #[test]
    fn a_zombie_is_not_alive() {
        let mut child = Command::new("true").spawn().unwrap();
        crate::eventually(std::time::Duration::from_secs(10), || !alive(child.id()));
        child.wait().unwrap();
    }

    #[test]
    fn a_mark_finds_its_process() {
        let mark = format!("mark-{}-to-find", process::id());
        let script = format!("read line # {mark}");
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(process::Stdio::piped())
            .spawn()
            .unwrap();
        // Right after its exec, a program has no arguments yet.
        let found = || processes_with_mark(&mark) == [child.id() as i32];
        crate::eventually(std::time::Duration::from_secs(10), found);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_shell_is_found() {
        assert!(need("sh").is_some());
    }
}
