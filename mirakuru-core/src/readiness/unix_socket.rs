//! A Unix socket that accepts connections.

use std::io;
use std::path::PathBuf;

use super::{Attempt, Condition, Readiness, ownership};
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::sys::{self, Watcher};

/// What the kernel has room for, with the zero byte at the end.
const PATH_MAX: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

pub(super) struct UnixSocket {
    path: PathBuf,
}

impl UnixSocket {
    pub(super) fn new(path: PathBuf) -> Result<Self> {
        let length = path.as_os_str().len();
        if length >= PATH_MAX {
            return Err(Error::invalid(format!(
                "the socket path `{}` has {length} bytes; the limit is {}",
                path.display(),
                PATH_MAX - 1
            ))
            .with_help("a path in {dir} is short enough"));
        }
        Ok(Self { path })
    }
}

impl Condition for UnixSocket {
    fn what(&self) -> String {
        format!("a connection to the Unix socket {}", self.path.display())
    }

    fn precheck(&mut self) -> Option<String> {
        let stream = sys::connect_unix(&self.path).ok()?;
        let who = sys::peer_pid(&stream).map_or("another process".to_owned(), port_owner::describe);
        Some(format!("{} is listened on by {who}", self.path.display()))
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let stream = match sys::connect_unix(&self.path) {
            Ok(stream) => stream,
            Err(error) => return Ok(Readiness::NotYet(reason(&error))),
        };
        if let Some(pid) = sys::peer_pid(&stream) {
            let what = format!("{} is answered by", self.path.display());
            ownership::check_pid(pid, &what, attempt.client)?;
        }
        Ok(Readiness::Ready)
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.path.parent().is_some_and(|folder| watcher.watch(folder))
    }

    /// The watcher tells when the file comes. When it is listened on, the kernel does not tell.
    fn is_told(&self) -> bool {
        !self.path.exists()
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens on it".to_owned(),
        io::ErrorKind::WouldBlock => "somebody listens but does not accept".to_owned(),
        _ => error.to_string(),
    }
}
