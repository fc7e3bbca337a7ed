//! Directories and files as this library needs them.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Makes a directory of mode 0700, or checks that an existing one belongs to this user alone.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    let meta = fs::symlink_metadata(path)?;
    if meta.is_dir() && meta.uid() == super::effective_user() && meta.mode() & 0o22 == 0 {
        // No other user could write to it. From now on, none can read it either.
        return fs::set_permissions(path, Permissions::from_mode(0o700));
    }
    let what = format!("`{}` is not a directory of this user alone", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}

/// Writes a file that other processes see whole or not at all.
pub(crate) fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, path))
}

/// Returns the directory for temporary files, or `/tmp` if its path leaves no room for the names of
/// sockets.
pub(crate) fn short_temp_dir() -> PathBuf {
    let dir = std::env::temp_dir();
    if dir.as_os_str().len() <= 36 { dir } else { PathBuf::from("/tmp") }
}
