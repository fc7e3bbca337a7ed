//! Searching for what belongs to one process only.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys;

/// Longer files are not searched for what belongs to one process only.
const SEARCHED_BYTES: u64 = 64 << 20; // 64 MiB

/// Returns a file below a directory, or a link, in which this text stands. Long files are not searched.
pub(crate) fn find_text(dir: &Path, text: &[u8]) -> io::Result<Option<PathBuf>> {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            let meta = fs::symlink_metadata(&path)?;
            let content = match () {
                () if meta.is_dir() => {
                    dirs.push(path);
                    continue;
                }
                () if meta.is_symlink() => fs::read_link(&path)?.as_os_str().as_bytes().to_vec(),
                () if meta.is_file() && meta.len() <= SEARCHED_BYTES => fs::read(&path)?,
                () => continue,
            };
            if sys::contains(&content, text) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_in_files_and_links() {
        let dir = std::env::temp_dir().join(format!("mirakuru-texts-{}", std::process::id()));
        fs::create_dir_all(dir.join("a/b")).unwrap();
        fs::write(dir.join("a/b/file"), "the path is /tmp/x here").unwrap();
        std::os::unix::fs::symlink("/tmp/y/file", dir.join("a/link")).unwrap();
        for (text, found) in
            [("/tmp/x", Some("a/b/file")), ("/tmp/y", Some("a/link")), ("/tmp/z", None)]
        {
            let path = find_text(&dir, text.as_bytes()).unwrap();
            assert_eq!(path, found.map(|name| dir.join(name)), "{text}");
        }
        fs::remove_dir_all(dir).unwrap();
    }
}
