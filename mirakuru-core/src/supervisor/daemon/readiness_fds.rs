//! How a server speaks and listens beside its standard streams: a socket for `sd_notify`, a
//! descriptor on which it says that it is ready, listening sockets that it is handed.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::supervisor::protocol::{ReadinessFd, Settings};
use crate::sys::{self, ExecWithListenPid, FD_SLOTS, FdSlots, InstalledFds};

/// How many bytes are taken away at once.
const BYTES_AT_ONCE: usize = 1024;

pub(super) struct ReadinessFds {
    numbers: FdSlots,
    notify_path: Option<PathBuf>,
    notify: Option<OwnedFd>,
    ready_fd: Option<i32>,
    /// Both ends of the pipe on which this start of the server says that it is ready.
    ready: Option<(OwnedFd, OwnedFd)>,
    /// Where the server goes on to write when whoever waited for it has heard enough. If nobody had
    /// that end, to write would be its end.
    ready_later: Option<File>,
    listeners: Vec<OwnedFd>,
}

impl ReadinessFds {
    pub(super) fn new(numbers: FdSlots, settings: &Settings) -> Self {
        Self {
            numbers,
            notify_path: settings.notify_socket.clone(),
            notify: None,
            ready_fd: settings.ready_fd,
            ready: None,
            ready_later: None,
            listeners: Vec::new(),
        }
    }

    /// Hands these to every server from now on.
    pub(super) fn listen(&mut self, listeners: Vec<OwnedFd>) {
        self.listeners.extend(listeners);
    }

    /// Makes what the next server speaks to, and tells it of that.
    pub(super) fn open(&mut self, command: &mut Command) -> io::Result<()> {
        // What the last server has said means nothing for this one.
        self.drain();
        if let Some(path) = &self.notify_path {
            if self.notify.is_none() {
                self.notify = Some(sys::bind_datagram(path)?);
            }
            command.env("NOTIFY_SOCKET", path);
        }
        if self.ready_fd.is_some() {
            self.ready = Some(sys::pipe()?);
        }
        if !self.listeners.is_empty() {
            command.env("LISTEN_FDS", self.listeners.len().to_string());
        }
        Ok(())
    }

    /// Puts at their numbers what the server gets.
    pub(super) fn install_fds(&self) -> io::Result<InstalledFds<'_>> {
        let mut fds: Vec<_> = FD_SLOTS.zip(self.listeners.iter().map(AsFd::as_fd)).collect();
        if let (Some(number), Some((_, write))) = (self.ready_fd, &self.ready) {
            fds.push((number, write.as_fd()));
        }
        self.numbers.put(&fds)
    }

    /// The command in a form that tells the program its process id, if it is handed sockets.
    pub(super) fn with_listen_pid(
        &self,
        command: &Command,
        words: &[OsString],
    ) -> io::Result<Option<ExecWithListenPid>> {
        if self.listeners.is_empty() {
            return Ok(None);
        }
        let text = |word: &OsStr| Ok(CString::new(word.as_bytes())?);
        let changed = |name: &OsStr| command.get_envs().any(|(changed, _)| changed == name);
        let kept = std::env::vars_os().filter(|(name, _)| !changed(name) && name != "LISTEN_PID");
        let set = command.get_envs().filter_map(|(name, value)| Some((name.into(), value?.into())));
        let variable = |(name, value): (OsString, OsString)| {
            text(&[name.as_os_str(), value.as_os_str()].join(OsStr::new("=")))
        };
        Ok(Some(ExecWithListenPid {
            program: text(command.get_program())?,
            arguments: words[1..].iter().map(|word| text(word)).collect::<io::Result<_>>()?,
            environment: kept.chain(set).map(variable).collect::<io::Result<_>>()?,
        }))
    }

    /// What whoever waits for the server reads, which is theirs until it is ready.
    pub(super) fn take_readable(&mut self) -> Vec<(ReadinessFd, OwnedFd)> {
        let notify = self.notify.as_ref().and_then(|socket| socket.try_clone().ok());
        // Only the server has the other end now, so that its end is seen.
        let ready = self.ready.take().map(|(read, _write)| read);
        self.ready_later = ready.as_ref().and_then(|read| Some(read.try_clone().ok()?.into()));
        let ready = ready.map(|read| (ReadinessFd::Ready, read));
        notify.map(|socket| (ReadinessFd::Notify, socket)).into_iter().chain(ready).collect()
    }

    /// What wakes up who drains it.
    pub(super) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let notify = self.notify.iter().map(AsFd::as_fd);
        notify.chain(self.ready_later.iter().map(AsFd::as_fd))
    }

    /// Takes away what a server that is ready has to say, which would stand still if nobody did.
    pub(super) fn drain(&mut self) {
        if let Some(socket) = &self.notify {
            let received = || sys::receive_datagram(socket.as_fd(), &mut [0; 1]).is_ok();
            let _ = (0..sys::DATAGRAMS_AT_ONCE).all(|_| received()); // The rest wakes us up again.
        }
        if let Some(pipe) = &mut self.ready_later {
            let readable = sys::wait_readable(&[pipe.as_fd()], Some(Duration::ZERO));
            let has_some = readable.is_ok_and(|readable| readable == [true]);
            if has_some && pipe.read(&mut [0; BYTES_AT_ONCE]).is_ok_and(|length| length == 0) {
                self.ready_later = None;
            }
        }
    }

    pub(super) fn close(&mut self) {
        self.notify = None;
        if let Some(path) = &self.notify_path {
            let _ = fs::remove_file(path); // There was no start, or somebody has cleared up.
        }
    }
}
