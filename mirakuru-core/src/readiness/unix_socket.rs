//! A Unix socket that accepts connections.

use std::io;
use std::path::{Path, PathBuf};

use super::attempt::Attempt;
use super::condition::{Condition, ConditionSpec, Found, Poll, StartContext};
use super::identity::Identity;
use super::ownership;
use crate::diagnostics::port_owner;
use crate::error::{Error, Result};
use crate::sys;

/// The size of the kernel's buffer for a path and the zero byte at its end.
const PATH_MAX: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

/// The path of the socket, with placeholders.
#[derive(Debug)]
pub(crate) struct UnixSocketSpec(pub(crate) PathBuf);

impl ConditionSpec for UnixSocketSpec {
    fn templates(&self) -> Vec<&str> {
        self.0.to_str().into_iter().collect()
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(("unix_socket", self.0.as_os_str()));
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        Ok(Box::new(UnixSocket::new(context.file_path(&self.0)?)?))
    }
}

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

    /// The kernel reports when the file is created, but not when a process listens on it.
    fn pending(&self, error: &io::Error) -> Poll {
        let seen = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::ConnectionRefused => "no process listens on it".to_owned(),
            io::ErrorKind::WouldBlock => "a process listens but does not accept".to_owned(),
            _ => error.to_string(),
        };
        match self.path.parent().filter(|_| !self.path.exists()) {
            Some(parent) => Poll::pending_on(seen, [parent].map(Path::to_owned)),
            None => Poll::pending(seen),
        }
    }
}

impl Condition for UnixSocket {
    fn describe(&self) -> String {
        format!("a connection to the Unix socket {}", self.path.display())
    }

    fn precheck(&mut self) -> Option<String> {
        let stream = sys::connect_unix(&self.path).ok()?;
        let owner = sys::peer_pid(&stream).map(port_owner::describe);
        let owner = owner.unwrap_or_else(|| "another process".to_owned());
        Some(format!("{} is listened on by {owner}", self.path.display()))
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        let stream = match sys::connect_unix(&self.path) {
            Ok(stream) => stream,
            Err(error) => return Ok(self.pending(&error)),
        };
        if let Some(pid) = sys::peer_pid(&stream) {
            let what = format!("{} is answered by", self.path.display());
            ownership::check_pid(pid, &what, attempt.client)?;
        }
        Ok(Poll::Ready(Found::default()))
    }
}
