//! The supervisor's loop: one thread that listens to those who use the server, and ends when there
//! is nobody to keep it for.
//!
//! At first that is the one process at the other end of the control socket. When that one shares
//! the server, it is whoever connects, as long as the runner of the tests lives.

mod entry;
mod process_tree;
mod readiness_fds;
mod session_listener;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::libc;
use nix::sys::signal::Signal;

use crate::supervisor::lease_queue::{Answer, LeaseQueue};
use crate::supervisor::protocol::{Event, FRAME_LEN, Frame, Request, Settings};
use crate::sys;
use process_tree::ProcessTree;
use session_listener::SessionListener;

pub(super) struct Supervisor {
    tree: ProcessTree,
    signals: OwnedFd,
    holds: Vec<OwnedFd>,
    connections: Vec<Connection>,
    /// The process that has started this one. A fork of it may hold the control socket open.
    starter: Option<sys::Process>,
    queue: LeaseQueue,
    listener: Option<SessionListener>,
    next_id: u64,
    /// Whether the server is what those who share it wait for.
    is_ready: bool,
    /// Whether somebody reads what a server says that is starting.
    is_awaited: bool,
    /// Whether to end when the tree is empty.
    leaving: bool,
}

/// Somebody who uses the server.
struct Connection {
    id: u64,
    stream: UnixStream,
    /// Whether nothing more comes from there. They may still listen, to hear how it ends.
    has_ended: bool,
}

impl Connection {
    /// Somebody who does not read what is told must not keep the supervisor from its work.
    fn new(id: u64, stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { id, stream, has_ended: false })
    }
}

impl Supervisor {
    pub(super) fn new(settings: Settings, arguments: Vec<OsString>) -> io::Result<Self> {
        sys::close_inherited();
        let numbers = sys::FdSlots::reserve()?;
        sys::new_session();
        sys::become_subreaper();
        sys::ignore_sigpipe();
        sys::unblock_signals();
        sys::set_name(c"mirakuru");
        let wake_up = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
        let first = Connection::new(0, UnixStream::from(sys::standard_input()?))?;
        Ok(Self {
            tree: ProcessTree::new(settings, arguments.into_iter().skip(1).collect(), numbers),
            signals: sys::signal_pipe(&wake_up)?,
            holds: Vec::new(),
            connections: vec![first],
            starter: sys::parent_process(),
            queue: LeaseQueue::default(),
            listener: None,
            next_id: 1,
            is_ready: false,
            is_awaited: false,
            leaving: false,
        })
    }

    /// Keeps the server until there is nobody to keep it for and nothing of it is left.
    pub(super) fn run(mut self) {
        while !(self.leaving && self.tree.is_idle()) {
            self.wait();
            self.tree.reap();
            self.tree.escalate();
            self.tell_events();
            self.update_state();
        }
        self.listener = None;
        self.tree.remove_files();
    }

    /// Sleeps until something has happened, and deals with what came over the sockets.
    fn wait(&mut self) {
        let listener = self.listener.as_ref();
        let mut fds = vec![self.signals.as_fd()];
        if let Some((visitors, runner)) = listener.map(SessionListener::fds) {
            fds.push(visitors);
            fds.extend(runner);
        }
        fds.extend(self.starter.as_ref().and_then(|starter| starter.as_fd()));
        // Nobody reads what a server says that is not waited for, and it must not stand still.
        let first_channel = fds.len();
        fds.extend(self.tree.channels().readable().filter(|_| !self.is_awaited));
        let first_connection = fds.len();
        fds.extend(self.open_connections().map(|connection| connection.stream.as_fd()));
        let patience = listener.and_then(SessionListener::poll_interval);
        let timeout = [self.tree.timeout(), patience].into_iter().flatten().min();
        let has_listener = listener.is_some();
        let ready = sys::wait_readable(&fds, timeout).unwrap_or_default();

        let channels = ready.get(first_channel..first_connection);
        if channels.is_some_and(|channels| channels.contains(&true)) {
            self.tree.channels_mut().drain();
        }
        if ready.first() == Some(&true) {
            self.read_signals();
        }
        if self.starter.as_ref().is_some_and(|starter| !starter.is_alive()) {
            self.starter = None;
            self.read_requests(0);
            self.disconnect(0);
        }
        // A listener that was opened just now was not among what was looked at.
        if has_listener && ready.get(1) == Some(&true) {
            self.accept();
        }
        let ready = ready.get(first_connection..).unwrap_or_default();
        let ids = self.open_connections().zip(ready).filter(|(_, ready)| **ready);
        for id in ids.map(|(connection, _)| connection.id).collect::<Vec<_>>() {
            self.read_requests(id);
        }
    }

    fn open_connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(|connection| !connection.has_ended)
    }

    fn read_signals(&mut self) {
        let mut numbers = [0; 64];
        let length = nix::unistd::read(&self.signals, &mut numbers).unwrap_or(0);
        if numbers[..length].iter().any(|number| i32::from(*number) != libc::SIGCHLD) {
            self.leave();
        }
    }

    fn accept(&mut self) {
        let Some(stream) = self.listener.as_ref().and_then(SessionListener::accept) else { return };
        let id = self.next_id;
        let Ok(connection) = Connection::new(id, stream) else { return };
        self.next_id += 1;
        self.connections.push(connection);
        if let Some(main) = self.tree.main() {
            self.tell(id, Event::Started(main));
        }
    }

    /// Reads all that somebody has asked for: what comes from one connection after another has
    /// ended must not be dealt with before that end.
    fn read_requests(&mut self, id: u64) {
        loop {
            let mut bytes = [0; FRAME_LEN];
            let connection = self.open_connections().find(|connection| connection.id == id);
            let Some(Connection { stream, .. }) = connection else { return };
            let received = sys::receive(stream, &mut bytes);
            match received {
                Ok((FRAME_LEN, fds)) => self.serve(id, Request::from_bytes(bytes), fds),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // End of file: whoever it was is gone, in whatever way.
                _ => self.disconnect(id),
            }
        }
    }

    fn serve(&mut self, id: u64, request: Option<Request>, fds: Vec<OwnedFd>) {
        match request {
            Some(Request::KeepFds) => self.holds.extend(fds),
            Some(Request::Start) if self.leaving => self.tell(id, Event::Failed(libc::ESHUTDOWN)),
            Some(Request::Start) => self.start(id, fds.into_iter().next()),
            Some(Request::Listen) => self.tree.channels_mut().listen(fds),
            Some(Request::Main(pid)) => self.tree.name_main(pid),
            Some(Request::Ready) => (self.is_ready, self.is_awaited) = (true, false),
            Some(Request::Signal(signal)) => self.tree.signal_main(signal),
            Some(Request::Stop(signal)) => self.stop(signal, false),
            Some(Request::Kill(signal)) => self.stop(signal, true),
            Some(Request::Pause) => self.tree.signal_tree(libc::SIGSTOP),
            Some(Request::Resume) => self.tree.signal_tree(libc::SIGCONT),
            Some(Request::Share { runner, started }) => self.open_listener(fds, runner, started),
            Some(Request::Lease { test, exclusive }) => self.lease(id, test, exclusive),
            Some(Request::Count) => self.tell_users(id),
            None => self.disconnect(id),
        }
    }

    fn start(&mut self, id: u64, stdin: Option<OwnedFd>) {
        (self.is_ready, self.is_awaited) = (false, true);
        self.tree.start(stdin);
        for (channel, fd) in self.tree.channels_mut().take_readable() {
            self.send(id, Event::ReadinessFd(channel), &[fd.as_fd()]);
        }
    }

    fn stop(&mut self, signal: i32, everything: bool) {
        (self.is_ready, self.is_awaited) = (false, false);
        self.tree.stop(signal, everything);
    }

    fn disconnect(&mut self, id: u64) {
        if self.listener.is_some() {
            self.connections.retain(|connection| connection.id != id);
        }
        let connection = self.connections.iter_mut().find(|connection| connection.id == id);
        connection.into_iter().for_each(|connection| connection.has_ended = true);
        let had_lease = self.queue.holders().contains(&id);
        if had_lease && self.queue.is_exclusive() {
            // Whoever had it alone may have paused it.
            self.tree.signal_tree(libc::SIGCONT);
        }
        self.queue.remove(id);
        if !had_lease {
            return;
        }
        // Those who wait have patience as long as leases change hands.
        for waiting in self.queue.queued() {
            self.tell_users(waiting);
        }
    }

    fn open_listener(&mut self, fds: Vec<OwnedFd>, runner: i32, started: u64) {
        let Some(socket) = fds.into_iter().next() else { return };
        match SessionListener::open(socket, runner, started) {
            Some(listener) => self.listener = Some(listener),
            None => self.leave(),
        }
    }

    fn lease(&mut self, id: u64, test: u64, exclusive: bool) {
        match self.queue.request(id, test, exclusive) {
            Answer::Granted => self.tell_granted(id),
            Answer::SelfDeadlock => self.tell(id, Event::SelfDeadlock),
            Answer::Queued => {}
        }
    }

    fn tell_users(&self, id: u64) {
        let holders = self.queue.holders();
        let holder = self.connections.iter().find(|connection| holders.contains(&connection.id));
        let holder = holder.and_then(|holder| sys::peer_pid(&holder.stream)).unwrap_or_default();
        self.tell(id, Event::LeaseCount { leases: holders.len() as i32, holder_pid: holder });
    }

    fn tell_granted(&self, id: u64) {
        self.tell(id, Event::Granted(self.queue.holders().len() as i32));
    }

    /// Decides, after each event, who is next and whether there is somebody to keep the server for.
    fn update_state(&mut self) {
        if self.leaving {
            return;
        }
        if self.listener.is_some() && !self.is_ready && !self.queue.is_exclusive() {
            // Whoever was to restart it is gone, and nobody knows what it has come to.
            self.tree.stop(libc::SIGKILL, true);
        }
        // Whoever has the server alone may have turned it off, and will turn it on again.
        if self.tree.is_idle() && !self.queue.is_exclusive() {
            self.listener = None;
            self.dismiss_waiting();
        }
        let has_runner = self.listener.as_ref().is_none_or(SessionListener::has_runner);
        if !has_runner {
            self.listener.take().into_iter().for_each(SessionListener::end_session);
        }
        if !has_runner || (self.listener.is_none() && self.open_connections().next().is_none()) {
            return self.leave();
        }
        if self.is_ready {
            for id in self.queue.grant_next() {
                self.tell_granted(id);
            }
        }
    }

    /// Sends those who wait to where the server is started anew, below another supervisor.
    fn dismiss_waiting(&mut self) {
        for id in self.queue.queued() {
            self.tell(id, Event::LeaseRevoked);
            self.disconnect(id);
        }
    }

    /// Ends when the server has, which is stopped now.
    fn leave(&mut self) {
        if self.leaving {
            return;
        }
        self.leaving = true;
        self.is_awaited = false;
        self.listener = None;
        self.dismiss_waiting();
        self.holds.clear();
        self.tree.stop_if_running();
    }

    fn tell_events(&mut self) {
        for event in self.tree.take_events() {
            for connection in &self.connections {
                self.tell(connection.id, event);
            }
        }
    }

    fn tell(&self, id: u64, event: Event) {
        self.send(id, event, &[]);
    }

    fn send(&self, id: u64, event: Event, fds: &[BorrowedFd<'_>]) {
        let connection = self.connections.iter().find(|connection| connection.id == id);
        if let Some(Connection { stream, .. }) = connection {
            let _ = sys::send(stream, &event.to_bytes(), fds); // They may be gone.
        }
    }
}
