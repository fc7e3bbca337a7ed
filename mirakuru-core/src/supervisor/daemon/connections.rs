//! The processes that are connected to the supervisor.

use std::ffi::OsString;
use std::io;
use std::iter;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use crate::supervisor::protocol::{
    COMMAND_HEAD_LEN, Event, FRAME_LEN, Frame, Request, command_from_bytes, command_len,
};
use crate::sys;

/// The connection of the process that started this supervisor: its control socket.
pub(super) const CONTROL_SOCKET: u64 = 0;

/// Receives the command of the server, which comes before all requests. Fails if the process that
/// sends it ends, even if a fork of it holds the socket open.
pub(super) fn receive_command(
    control_socket: &UnixStream,
    starter: Option<&sys::Process>,
) -> io::Result<Vec<OsString>> {
    let receive = |bytes: &mut [u8]| {
        let mut rest = bytes;
        while !rest.is_empty() {
            let starter = starter.and_then(sys::Process::as_fd);
            let sources: Vec<_> = iter::once(control_socket.as_fd()).chain(starter).collect();
            let received = match sys::wait_readable(&sources, None)?[0] {
                true => sys::receive(control_socket, rest)?.0,
                false => 0,
            };
            if received == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            rest = &mut rest[received..];
        }
        Ok(())
    };
    let mut head = [0; COMMAND_HEAD_LEN];
    receive(&mut head)?;
    let mut words = vec![0; command_len(head)];
    receive(&mut words)?;
    Ok(command_from_bytes(&words))
}

/// The connections, each with a number that is never used again.
pub(super) struct Connections {
    list: Vec<Connection>,
    next_id: u64,
}

struct Connection {
    id: u64,
    stream: UnixStream,
    /// The peer sends no more requests. It may still read events.
    is_closed: bool,
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
        let mut connections = Self { list: Vec::new(), next_id: CONTROL_SOCKET };
        connections.add(control_socket)?;
        Ok(connections)
    }

    /// Adds a connection. It never blocks: a peer that does not read its events cannot stall the
    /// supervisor.
    pub(super) fn add(&mut self, stream: UnixStream) -> io::Result<u64> {
        stream.set_nonblocking(true)?;
        let id = self.next_id;
        self.next_id += 1;
        self.list.push(Connection { id, stream, is_closed: false });
        Ok(id)
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
    }

    pub(super) fn send(&self, id: u64, event: Event, fds: &[BorrowedFd<'_>]) {
        let connection = self.list.iter().find(|connection| connection.id == id);
        if let Some(Connection { stream, .. }) = connection {
            let _ = sys::send(stream, &event.to_bytes(), fds); // The peer may have ended.
        }
    }

    pub(super) fn broadcast(&self, event: Event) {
        for connection in &self.list {
            self.send(connection.id, event, &[]);
        }
    }

    /// Returns the process at the other end of the first of these connections.
    pub(super) fn peer_pid(&self, ids: &[u64]) -> Option<i32> {
        let connection = self.list.iter().find(|connection| ids.contains(&connection.id))?;
        sys::peer_pid(&connection.stream)
    }
}
