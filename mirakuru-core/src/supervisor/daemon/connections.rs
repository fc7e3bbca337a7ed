//! The processes that are connected to the supervisor.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::supervisor::protocol::{Event, FRAME_LEN, Frame, Request};
use crate::sys;

/// The connection of the process that started this supervisor: its control socket.
pub(super) const CONTROL_SOCKET: u64 = 0;

/// The connections, each with a number that is never used again.
pub(super) struct Connections {
    list: Vec<Connection>,
    /// The processes that have connected, each once.
    peers: Vec<sys::Process>,
    next_id: u64,
}

struct Connection {
    id: u64,
    stream: UnixStream,
    /// The id of a process in `peers`.
    peer: Option<i32>,
    /// The peer sends no more requests. It may still read events.
    is_closed: bool,
    /// The events for which its socket had no room, with their descriptors.
    unsent: VecDeque<(Event, Vec<OwnedFd>)>,
}

impl Connection {
    fn send(&mut self, event: Event, fds: &[BorrowedFd<'_>]) {
        if !self.unsent.is_empty() || self.is_full_for(event, fds) {
            let fds = fds.iter().flat_map(BorrowedFd::try_clone_to_owned);
            self.unsent.push_back((event, fds.collect()));
        }
    }

    /// Sends an event, unless the socket has no room for it. A peer that has ended gets nothing more.
    fn is_full_for(&self, event: Event, fds: &[BorrowedFd<'_>]) -> bool {
        let sent = sys::send(&self.stream, &event.to_bytes(), fds);
        sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn send_unsent(&mut self) {
        while let Some((event, fds)) = self.unsent.front() {
            let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
            if self.is_full_for(*event, &fds) {
                return;
            }
            self.unsent.pop_front();
        }
    }
}

/// The next message of a connection.
pub(super) enum Received {
    Request(Request, Vec<OwnedFd>),
    /// None has arrived.
    Nothing,
    /// The peer ended, in whatever way, or sent what is no request.
    End,
}

impl Connections {
    /// Begins with the control socket.
    pub(super) fn new(control_socket: UnixStream) -> io::Result<Self> {
        let mut connections = Self { list: Vec::new(), peers: Vec::new(), next_id: CONTROL_SOCKET };
        connections.add(control_socket)?;
        Ok(connections)
    }

    /// Adds a connection. It never blocks: a peer that does not read its events cannot stall the
    /// supervisor.
    pub(super) fn add(&mut self, stream: UnixStream) -> io::Result<u64> {
        stream.set_nonblocking(true)?;
        let id = self.next_id;
        self.next_id += 1;
        let peer = self.watch_peer(&stream);
        self.list.push(Connection { id, stream, peer, is_closed: false, unsent: VecDeque::new() });
        Ok(id)
    }

    /// Returns the id of the process at the other end, if its end can be noticed.
    fn watch_peer(&mut self, stream: &UnixStream) -> Option<i32> {
        let pid = sys::peer_pid(stream)?;
        // While a process lives, no other has its id.
        if !self.peers.iter().any(|peer| peer.pid() == pid && peer.is_alive()) {
            self.peers.push(sys::peer_process(stream)?);
        }
        Some(pid)
    }

    /// Returns the descriptors that become readable when processes that have connected end.
    pub(super) fn peers(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.peers.iter().filter_map(sys::Process::as_fd)
    }

    /// Returns the interval at which to look for processes that have ended, if not all of them have
    /// such a descriptor.
    pub(super) fn poll_interval(&self) -> Option<Duration> {
        self.peers.iter().filter_map(sys::Process::poll_interval).min()
    }

    /// Returns the connections of processes that have ended since the last call. Forks of them may
    /// hold the sockets open.
    pub(super) fn take_orphans(&mut self) -> Vec<u64> {
        let ended: Vec<_> =
            self.peers.iter().filter(|it| !it.is_alive()).map(|it| it.pid()).collect();
        self.peers.retain(|peer| !ended.contains(&peer.pid()));
        let of_ended = |it: &&mut Connection| it.peer.is_some_and(|pid| ended.contains(&pid));
        let orphans = self.list.iter_mut().filter(of_ended);
        orphans.map(|it| (it.peer.take(), it.id).1).collect()
    }

    /// Returns the connections that requests can come from.
    pub(super) fn open(&self) -> impl Iterator<Item = (u64, BorrowedFd<'_>)> {
        let open = self.list.iter().filter(|connection| !connection.is_closed);
        open.map(|connection| (connection.id, connection.stream.as_fd()))
    }

    /// Receives the next message of a connection.
    pub(super) fn receive(&self, id: u64) -> Received {
        let open = |connection: &&Connection| connection.id == id && !connection.is_closed;
        let Some(connection) = self.list.iter().find(open) else { return Received::Nothing };
        let mut bytes = [0; FRAME_LEN];
        match sys::receive(&connection.stream, &mut bytes) {
            Ok((FRAME_LEN, fds)) => match Request::from_bytes(bytes) {
                Some(request) => Received::Request(request, fds),
                None => Received::End,
            },
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
            _ => Received::End,
        }
    }

    /// Expects no more requests of a connection, which still receives events.
    pub(super) fn close(&mut self, id: u64) {
        let connection = self.list.iter_mut().find(|connection| connection.id == id);
        connection.into_iter().for_each(|connection| connection.is_closed = true);
    }

    /// Drops a connection.
    pub(super) fn remove(&mut self, id: u64) {
        self.list.retain(|connection| connection.id != id);
        let list = &self.list;
        self.peers.retain(|peer| list.iter().any(|it| it.peer == Some(peer.pid())));
    }

    /// Sends an event, now or when the peer has read earlier ones.
    pub(super) fn send(&mut self, id: u64, event: Event, fds: &[BorrowedFd<'_>]) {
        let connection = self.list.iter_mut().find(|connection| connection.id == id);
        connection.into_iter().for_each(|connection| connection.send(event, fds));
    }

    /// Sends an event with a descriptor that is then closed here.
    pub(super) fn pass(&mut self, id: u64, event: Event, fd: Option<OwnedFd>) {
        self.send(id, event, fd.as_ref().map(AsFd::as_fd).as_slice());
    }

    pub(super) fn broadcast(&mut self, event: Event) {
        self.list.iter_mut().for_each(|connection| connection.send(event, &[]));
    }

    /// Returns the connections whose sockets had no room for all events.
    pub(super) fn unsent(&self) -> Vec<BorrowedFd<'_>> {
        let full = self.list.iter().filter(|connection| !connection.unsent.is_empty());
        full.map(|connection| connection.stream.as_fd()).collect()
    }

    pub(super) fn send_unsent(&mut self) {
        self.list.iter_mut().for_each(Connection::send_unsent);
    }

    /// Returns the process at the other end of the first of these connections.
    pub(super) fn peer_pid(&self, ids: &[u64]) -> Option<i32> {
        let connection = self.list.iter().find(|connection| ids.contains(&connection.id))?;
        sys::peer_pid(&connection.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_reads_late_gets_every_event_and_its_descriptors() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut connections = Connections::new(ours).unwrap();
        let count = 5_000;
        for number in 0..count {
            connections.send(CONTROL_SOCKET, Event::Synced(number), &[]);
        }
        connections.send(CONTROL_SOCKET, Event::OutputPipe, &[theirs.as_fd()]);
        assert_eq!(connections.unsent().len(), 1);
        let mut received = Vec::new();
        loop {
            let mut bytes = [0; FRAME_LEN];
            let (length, fds) = sys::receive(&theirs, &mut bytes).unwrap();
            assert_eq!(length, FRAME_LEN);
            connections.send_unsent();
            match Event::from_bytes(bytes).unwrap() {
                Event::Synced(number) => received.push(number),
                event => {
                    assert_eq!((event, fds.len()), (Event::OutputPipe, 1));
                    break;
                }
            }
        }
        assert!(received.into_iter().eq(0..count));
        assert!(connections.unsent().is_empty());
    }
}
