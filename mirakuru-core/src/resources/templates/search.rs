//! Searching for what belongs to one process only.

use std::fs;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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
            if contains(&content, text) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// Returns true if a text stands in these bytes. The standard library looks for its first byte: it is
/// optimized, which tests are usually not.
fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return true };
    let mut left = bytes;
    while matches!(left.skip_until(*first), Ok(1..)) {
        if bytes[bytes.len() - left.len() - 1..].starts_with(text) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_anywhere_in_the_bytes() {
        for (bytes, text, expected) in [
            ("/tmp/x", "/tmp/x", true),
            ("//tmp//tmp/x", "/tmp/x", true),
            ("/tmp/", "/tmp/x", false),
            ("none", "/tmp/x", false),
            ("", "/", false),
            ("/", "/", true),
            ("a", "/", false),
        ] {
            assert_eq!(contains(bytes.as_bytes(), text.as_bytes()), expected, "{bytes} {text}");
        }
    }

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
