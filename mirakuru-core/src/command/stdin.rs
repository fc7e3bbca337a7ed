//! The standard input of a process.

use std::fmt;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io::{self, Seek};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The source of the standard input of a process.
///
/// The default is [`Null`](Self::Null).
///
/// # Examples
///
/// ```
/// use std::fs::File;
/// use std::path::Path;
/// # use mirakuru_core::{Executor, Stdin};
/// let text = Executor::new("cat").stdin("hello\n");
/// let bytes = Executor::new("cat").stdin(b"\x00\xff");
/// let by_path = Executor::new("cat").stdin(Path::new("Cargo.toml"));
/// let open = Executor::new("cat").stdin(File::open("Cargo.toml")?);
/// let piped = Executor::new("cat").stdin(Stdin::Piped);
/// # let _ = (text, bytes, by_path, open, piped);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stdin {
    /// End of file at once.
    #[default]
    Null,
    /// The text that is written to [`Process::take_stdin`](crate::Process::take_stdin).
    Piped,
    /// The file at this path, which is opened at each start.
    File(PathBuf),
    /// An open file, at each start from its beginning if it can seek.
    Open(OpenFile),
    /// These bytes, then end of file.
    Bytes(Vec<u8>),
}

/// An open file, for [`Stdin`].
///
/// Two are equal if they are the same file on the same device.
#[derive(Clone)]
pub struct OpenFile {
    file: Arc<File>,
    device: u64,
    inode: u64,
}

impl OpenFile {
    /// Returns a descriptor that reads from the beginning of the file, or, if the file cannot seek,
    /// from where it stands.
    pub(crate) fn reopen(&self) -> io::Result<File> {
        if self.file.metadata()?.is_file() {
            // A copy of the descriptor would share its position with the copies of other starts. A
            // file that is opened again has a position of its own, also if it has no name any more.
            let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            if let Ok(file) = File::open(path) {
                return Ok(file);
            }
        }
        let mut file = self.file.try_clone()?;
        let _ = file.rewind(); // A pipe cannot seek.
        Ok(file)
    }
}

impl From<File> for OpenFile {
    fn from(file: File) -> Self {
        let (device, inode) = file.metadata().map_or((0, 0), |meta| (meta.dev(), meta.ino()));
        Self { file: Arc::new(file), device, inode }
    }
}

impl PartialEq for OpenFile {
    fn eq(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Eq for OpenFile {}

impl Hash for OpenFile {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.device, self.inode).hash(hasher);
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, inode, .. } = self;
        f.debug_struct("OpenFile").field("device", device).field("inode", inode).finish()
    }
}

impl From<&str> for Stdin {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl From<String> for Stdin {
    fn from(text: String) -> Self {
        Self::Bytes(text.into_bytes())
    }
}

impl From<Vec<u8>> for Stdin {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Stdin {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Stdin {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Stdin {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl From<File> for Stdin {
    fn from(file: File) -> Self {
        Self::Open(file.into())
    }
}

impl From<&Path> for Stdin {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

impl From<PathBuf> for Stdin {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_open_files_are_equal_if_they_are_the_same_file() {
        let open = |path: &str| Stdin::from(File::open(path).unwrap());
        assert_eq!(open("Cargo.toml"), open("Cargo.toml"));
        assert_ne!(open("Cargo.toml"), open("src/lib.rs"));
        assert_ne!(open("Cargo.toml"), Stdin::from(Path::new("Cargo.toml")));
    }

    #[test]
    fn bytes_come_from_arrays_and_slices() {
        let bytes = Stdin::Bytes(vec![1, 2]);
        assert_eq!(Stdin::from([1, 2]), bytes);
        assert_eq!(Stdin::from(&[1, 2]), bytes);
        assert_eq!(Stdin::from(&[1, 2][..]), bytes);
        assert_eq!(Stdin::from("\x01\x02"), bytes);
    }
}
