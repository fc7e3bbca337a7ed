//! Directories and files as this library needs them.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// A directory of this user alone. It stays the same one, whatever is at its path later.
pub(crate) struct PrivateDir {
    path: PathBuf,
    dir: File,
}

impl PrivateDir {
    /// Opens a directory, and creates it if it does not exist. Fails if other users can write to it, or
    /// could replace it.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        check_temp_dir(path.parent().unwrap_or(path))?;
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        Self::open(path)
    }

    /// Opens a directory that exists, with the same checks.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let opened = File::options().read(true).custom_flags(flags).open(path);
        let not_private = || {
            let what = format!("`{}` is not a directory of this user alone", path.display());
            io::Error::new(io::ErrorKind::PermissionDenied, what)
        };
        let dir = opened.map_err(|error| match error.raw_os_error() {
            Some(libc::ENOTDIR | libc::ELOOP | libc::EACCES) => not_private(),
            _ => error,
        })?;
        let meta = dir.metadata()?;
        if meta.uid() != super::effective_user() || meta.mode() & 0o22 != 0 {
            return Err(not_private());
        }
        // No other user could write to it. From now on, none can read it either.
        dir.set_permissions(Permissions::from_mode(0o700))?;
        Ok(Self { path: path.to_owned(), dir })
    }

    /// Creates a directory, or opens it, and marks it as used. If another process removes it just then,
    /// tries again as long as `again` returns true.
    pub(crate) fn create_used(path: &Path, mut again: impl FnMut() -> bool) -> io::Result<Self> {
        loop {
            let dir = Self::create(path)?;
            if dir.mark_used() {
                return Ok(dir);
            }
            if !again() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Takes a directory that is open. `path` is its path, where the system does not know it.
    pub(crate) fn adopt(dir: OwnedFd, path: &Path) -> Self {
        let known = super::path_of_fd(dir.as_fd()).and_then(|link| fs::read_link(link).ok());
        Self { path: known.unwrap_or_else(|| path.to_owned()), dir: dir.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns a path that leads to a file in the open directory as long as this lives.
    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        super::path_of_fd(self.dir.as_fd()).unwrap_or_else(|| self.path.clone()).join(name)
    }

    /// Marks the directory as used, until the last copy of its descriptor is closed. Returns false if
    /// it was removed, or is being removed.
    fn mark_used(&self) -> bool {
        super::try_lock_shared(&self.dir) && self.is_at_path()
    }

    fn is_at_path(&self) -> bool {
        let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
        let at_path = fs::symlink_metadata(&self.path).map(identity).ok();
        at_path.is_some() && at_path == self.dir.metadata().map(identity).ok()
    }

    /// Removes the directory, if it is still at its path. Another process may remove it too.
    pub(crate) fn remove(&self) {
        if self.is_at_path() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }

    /// Removes the directory, unless a process uses it or `clear`, which is called with its path,
    /// returns false.
    pub(crate) fn remove_if_unused(self, clear: impl FnOnce(&Path) -> bool) {
        if super::try_lock(&self.dir) && self.is_at_path() && clear(&self.path) {
            let _ = fs::remove_dir_all(&self.path); // What is left is removed the next time.
        }
    }
}

impl AsFd for PrivateDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// Checks that this user can create files in a directory, and that no other user can replace them.
pub(crate) fn check_temp_dir(dir: &Path) -> io::Result<()> {
    let mode = fs::metadata(dir)?.mode();
    if mode & 0o002 != 0 && mode & 0o1000 == 0 {
        let what = "all users can replace the files in it, as it has no sticky bit";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    }
    Ok(nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK)?)
}

/// Removes a directory with everything in it, also if there are read-only directories.
pub(crate) fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path);
            fs::remove_dir_all(path)
        }
        removed => removed,
    }
}

/// Lets this user change a directory and all those below it.
fn make_writable(path: &Path) {
    let mut dirs = vec![path.to_owned()];
    while let Some(dir) = dirs.pop() {
        let _ = fs::set_permissions(&dir, Permissions::from_mode(0o700)); // It may be of another user.
        let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.extend(below.map(|entry| entry.path()));
    }
}

/// Writes a file that other processes see whole or not at all.
pub(crate) fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, path))
}

/// Returns an open file with these bytes, which no other user could read while it had a name.
pub(crate) fn unnamed_file(path: &Path, bytes: &[u8]) -> io::Result<File> {
    let mut file =
        File::options().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    fs::remove_file(path)?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_another_process_removes_is_made_again() {
        let path = std::env::temp_dir().join(format!("mirakuru-removed-{}", std::process::id()));
        let mut remover = Some(PrivateDir::create(&path).unwrap());
        assert!(super::super::try_lock(&remover.as_ref().unwrap().dir));
        let made = PrivateDir::create_used(&path, || {
            remover.take().unwrap().remove();
            true
        });
        assert!(made.unwrap().is_at_path());
        fs::remove_dir(path).unwrap();
    }
}
