//! The launch: what a supervisor begins with, before all requests.

use std::fs::File;
use std::io;
use std::iter;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::unistd::{dup2_stderr, dup2_stdout, fchdir};

use crate::supervisor::job::{self, HEAD_LEN, Launch};
use crate::sys;

/// What comes with a launch.
pub(super) struct LaunchFds {
    pub(super) logs: [File; 2],
    /// Are kept open.
    pub(super) kept: Vec<OwnedFd>,
}

/// Receives the launch with its descriptors. The logs of the server become the standard output and error of
/// this process, too. Fails if the process that sends it ends, even if a fork of it holds the socket open.
pub(super) fn receive(control_socket: &UnixStream) -> io::Result<(Launch, LaunchFds)> {
    let starter = sys::peer_process(control_socket);
    let mut fds = Vec::new();
    let mut receive = |bytes: &mut [u8]| {
        let mut rest = bytes;
        while !rest.is_empty() {
            let starter_fd = starter.as_ref().and_then(sys::Process::as_fd);
            let sources: Vec<_> = iter::once(control_socket.as_fd()).chain(starter_fd).collect();
            let interval = starter.as_ref().and_then(sys::Process::poll_interval);
            let (received, more) = match sys::wait_readable(&sources, interval)?[0] {
                true => sys::receive(control_socket, rest)?,
                false if starter.as_ref().is_some_and(sys::Process::is_alive) => continue,
                false => (0, Vec::new()),
            };
            if received == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            rest = &mut rest[received..];
            fds.extend(more);
        }
        Ok(())
    };
    let mut head = [0; HEAD_LEN];
    receive(&mut head)?;
    let mut bytes = vec![0; job::length(head)];
    receive(&mut bytes)?;
    let launch = Launch::from_bytes(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    let fds = take_over(fds, launch.kept_fds)?;
    Ok((launch, fds))
}

/// Takes over the logs, and the working directory if there is one. Without it, it is inherited.
fn take_over(fds: Vec<OwnedFd>, kept: usize) -> io::Result<LaunchFds> {
    let mut fds = fds.into_iter();
    let (Some(stdout), Some(stderr)) = (fds.next(), fds.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    dup2_stdout(&stdout)?;
    dup2_stderr(&stderr)?;
    let kept = fds.by_ref().take(kept).collect();
    fds.next().map_or(Ok(()), fchdir)?;
    Ok(LaunchFds { logs: [stdout, stderr].map(File::from), kept })
}
