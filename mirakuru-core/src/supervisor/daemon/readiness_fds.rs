//! The descriptors of a server beside its standard streams: the socket for `sd_notify`, the pipe for
//! a readiness line, and listening sockets that are passed to it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use crate::supervisor::protocol::ReadinessFd;
use crate::supervisor::settings::Settings;
use crate::syntax::numbers::EXTRA_FDS;
use crate::sys::{self, Account, FdSlots, InstalledFds};

/// The size of the buffer for a message of `sd_notify`. Messages are a few lines long.
const MESSAGE_MAX: usize = 4096; // 4 KiB

/// The number of bytes that one `drain` reads.
const DRAIN_BYTES: usize = 1024;

pub(super) struct ReadinessFds {
    fd_slots: FdSlots,
    notify_path: Option<PathBuf>,
    notify: Option<OwnedFd>,
    ready_fd: Option<i32>,
    /// Both ends of the pipe for the readiness line of this start.
    ready: Option<(OwnedFd, OwnedFd)>,
    /// A copy of the reading end, which stays open when the waiting process has closed its own.
    /// Without a reader, SIGPIPE would end a server that writes more.
    ready_later: Option<File>,
    listeners: Vec<OwnedFd>,
}

impl ReadinessFds {
    pub(super) fn new(fd_slots: FdSlots, settings: &Settings) -> Self {
        Self {
            fd_slots,
            notify_path: settings.notify_socket.clone(),
            notify: None,
            ready_fd: settings.ready_fd,
            ready: None,
            ready_later: None,
            listeners: Vec::new(),
        }
    }

    /// Passes these sockets to every server from now on.
    pub(super) fn listen(&mut self, listeners: Vec<OwnedFd>) {
        self.listeners.extend(listeners);
    }

    /// Makes the socket for `sd_notify`, if a server has one and this is its first start.
    pub(super) fn bind_notify_socket(&mut self, account: Option<&Account>) -> io::Result<()> {
        if let (Some(path), None) = (&self.notify_path, &self.notify) {
            self.notify = Some(sys::bind_datagram(path)?);
            account.map_or(Ok(()), |account| account.own(path))?;
        }
        Ok(())
    }

    /// Makes the other descriptors of the next server.
    pub(super) fn open(&mut self) -> io::Result<()> {
        // Messages of the last server do not count for this one.
        self.drain();
        if self.ready_fd.is_some() {
            self.ready = Some(sys::pipe()?);
        }
        Ok(())
    }

    /// Installs the descriptors at their numbers.
    pub(super) fn install_fds(&self) -> io::Result<InstalledFds<'_>> {
        let mut fds: Vec<_> = EXTRA_FDS.zip(self.listeners.iter().map(AsFd::as_fd)).collect();
        if let (Some(number), Some((_, write))) = (self.ready_fd, &self.ready) {
            fds.push((number, write.as_fd()));
        }
        self.fd_slots.install(&fds)
    }

    /// Returns the variables that name them. The value of `LISTEN_PID` comes with the process.
    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
        let path = self.notify_path.as_ref().map(|path| ("NOTIFY_SOCKET", path.into()));
        let count = || ("LISTEN_FDS", self.listeners.len().to_string().into());
        let count = self.has_listeners().then(count);
        let variables = path.into_iter().chain(count);
        variables.map(|(name, value)| (name.into(), value)).collect()
    }

    pub(super) fn has_listeners(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Returns the reading ends for the process that waits for the server.
    pub(super) fn take_readable(&mut self) -> Vec<(ReadinessFd, OwnedFd)> {
        let notify = self.notify.as_ref().and_then(|socket| socket.try_clone().ok());
        // From now on only the server has the writing end, so its close is noticed.
        let ready = self.ready.take().map(|(read, _write)| read);
        self.ready_later = ready.as_ref().and_then(|read| Some(read.try_clone().ok()?.into()));
        let ready = ready.map(|read| (ReadinessFd::Ready, read));
        notify.map(|socket| (ReadinessFd::Notify, socket)).into_iter().chain(ready).collect()
    }

    /// Returns the descriptors that `drain` reads.
    pub(super) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let notify = self.notify.iter().map(AsFd::as_fd);
        notify.chain(self.ready_later.iter().map(AsFd::as_fd))
    }

    /// Reads what a server writes that is not waited for: a full pipe would block it. Returns the time
    /// that it asks for to end; everything else is discarded.
    pub(super) fn drain(&mut self) -> Option<Duration> {
        let mut more = None;
        // What is left after that wakes the loop again.
        for _ in 0..sys::DATAGRAMS_AT_ONCE {
            let Some(message) = self.notify.as_ref().and_then(receive) else { break };
            more = message.lines().filter_map(extension).max().or(more);
        }
        if let Some(pipe) = &mut self.ready_later {
            let readable = sys::wait_readable(&[pipe.as_fd()], Some(Duration::ZERO));
            let has_some = readable.is_ok_and(|readable| readable == [true]);
            if has_some && pipe.read(&mut [0; DRAIN_BYTES]).is_ok_and(|length| length == 0) {
                self.ready_later = None;
            }
        }
        more
    }

    pub(super) fn close(&mut self) {
        self.notify = None;
        if let Some(path) = &self.notify_path {
            let _ = fs::remove_file(path); // There was no start, or it was removed.
        }
    }
}

/// Returns the next message of `sd_notify`, without those of strangers.
fn receive(socket: &OwnedFd) -> Option<String> {
    let mut bytes = [0; MESSAGE_MAX];
    let (length, sender) = sys::receive_datagram(socket.as_fd(), &mut bytes).ok()?;
    let is_ours = sender.is_none_or(|sender| sender.belongs_to(std::process::id() as i32));
    let length = if is_ours { length } else { 0 };
    Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
}

/// Returns the time that a line of a message asks for.
fn extension(line: &str) -> Option<Duration> {
    line.strip_prefix("EXTEND_TIMEOUT_USEC=")?.parse().ok().map(Duration::from_micros)
}
