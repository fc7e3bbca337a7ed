//! The address of a Unix socket.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::unix_diag;
use crate::sys::unix::SocketAddress;
use crate::sys::{self, BoundSocket};

/// True if names that begin with `@` are no files.
pub(crate) const HAS_ABSTRACT_NAMES: bool = true;

/// Returns the address of an abstract name.
pub(crate) fn abstract_address(name: &[u8]) -> nix::Result<SocketAddress> {
    SocketAddress::abstract_name(name)
}

/// The file or the abstract name of Unix sockets. A file stays the same one, whatever is at its path
/// later.
pub(crate) struct UnixPlace {
    path: PathBuf,
    /// None for an abstract name.
    file: Option<File>,
}

impl UnixPlace {
    /// Opens what is at an address now.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if sys::abstract_name(path).is_some() {
            return Ok(Self { path: path.to_owned(), file: None });
        }
        // std drops this flag with musl, where it is also one of the modes of access.
        let file = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        Ok(Self { path: path.to_owned(), file: Some(file.into()) })
    }

    /// Returns the sockets that are bound there, as far as they are in this network namespace; none if
    /// the kernel does not report them.
    pub(crate) fn sockets(&self) -> Option<Vec<BoundSocket>> {
        let found = match (sys::abstract_name(&self.path), &self.file) {
            (Some(name), _) => unix_diag::sockets_named(name),
            (None, Some(file)) => unix_diag::sockets_of_file(&file.metadata().ok()?, &self.path),
            (None, None) => return None,
        };
        found.ok()
    }

    /// Returns true if a socket that was bound there still takes connections or datagrams.
    pub(crate) fn is_open(&self, socket: &BoundSocket) -> bool {
        unix_diag::is_open(socket.inode).unwrap_or(false)
    }

    /// Returns what distinguishes the file from a later one at the same path; none for a name.
    pub(crate) fn identity(&self) -> Option<(u64, i64, i64)> {
        self.file.as_ref().and_then(|_| sys::file_identity(&self.pinned()))
    }

    /// Connects without waiting: a full backlog is `WouldBlock`.
    pub(crate) fn connect(&self) -> io::Result<UnixStream> {
        sys::connect_any_unix(&self.pinned())
    }

    /// Returns a path that leads to the open file.
    fn pinned(&self) -> PathBuf {
        match &self.file {
            Some(file) => PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
            None => self.path.clone(),
        }
    }
}
