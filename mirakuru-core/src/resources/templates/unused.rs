//! Removing templates that are not used any more. The time of a lock is that of the last use.

use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::sys;

/// A template that was not used for so long is removed.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The size of all templates, beyond which those that were not used longest are removed.
const KEPT_BYTES: u64 = 4 << 30; // 4 GiB

/// Notes that the template of a lock is used now.
pub(super) fn note_use(lock: &File) {
    let _ = lock.set_modified(SystemTime::now()); // It may be of another user.
}

fn entries(dir: &Path) -> Vec<(PathBuf, SystemTime)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let modified = |path: &Path| fs::metadata(path)?.modified();
    entries.filter_map(|entry| Some((entry.path(), modified(&entry.path()).ok()?))).collect()
}

/// Removes templates that were not used for long, those that were not used longest if all are too large,
/// and what supervisors that were killed have left.
pub(super) fn remove(dir: &Path) {
    let mut entries = entries(dir);
    entries.sort_by_key(|(_, modified)| Reverse(*modified));
    let mut bytes = 0;
    for (path, modified) in entries {
        let is_old = modified.elapsed().is_ok_and(|age| age > KEPT_FOR);
        match path.extension().and_then(OsStr::to_str) {
            Some("lock") => {
                let template = path.with_extension("");
                bytes += size(&template);
                if is_old || bytes > KEPT_BYTES {
                    remove_if_unused(&path, &template);
                }
            }
            Some(other) if other.starts_with("draft") => {
                remove_if_unused(&path.with_extension("lock"), &path);
            }
            _ => {}
        }
    }
}

fn remove_if_unused(lock: &Path, path: &Path) {
    if File::open(lock).is_ok_and(|lock| sys::try_lock(&lock)) {
        let _ = sys::remove_tree(path); // What is left is removed the next time.
    }
}

/// Returns the number of bytes below a directory.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let size_of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        meta => meta.map_or(0, |meta| meta.len()),
    };
    entries.map(size_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the names of what is in the directory, without locks.
    fn kept(dir: &Path) -> Vec<String> {
        let names = entries(dir)
            .into_iter()
            .filter_map(|(path, _)| path.file_name()?.to_str().map(str::to_owned));
        let mut names: Vec<_> = names.filter(|name| !name.ends_with(".lock")).collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_old_or_left_behind_is_removed_unless_it_is_used() {
        let dir = std::env::temp_dir().join(format!("mirakuru-templates-{}", std::process::id()));
        let old = SystemTime::now() - KEPT_FOR - Duration::from_secs(60);
        let mut locks = Vec::new();
        for (name, is_used, used) in [
            ("new", false, SystemTime::now()),
            ("old", false, old),
            ("used", true, old),
            ("left.draft-1-0", false, old),
            ("made.draft-1-0", true, old),
        ] {
            fs::create_dir_all(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("file"), "text").unwrap();
            let lock = File::create(dir.join(name).with_extension("lock")).unwrap();
            lock.set_modified(used).unwrap();
            if is_used {
                assert!(sys::try_lock_shared(&lock));
                locks.push(lock);
            }
        }
        remove(&dir);
        assert_eq!(kept(&dir), ["made.draft-1-0", "new", "used"]);
        fs::remove_dir_all(dir).unwrap();
    }
}
