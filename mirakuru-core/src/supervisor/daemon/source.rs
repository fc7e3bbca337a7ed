//! What the supervisor waits for.

/// A reason to wake up.
#[derive(Clone, Copy)]
pub(super) enum Source {
    Signals,
    /// A process that has connected, or started this supervisor, has ended.
    Peer,
    /// The server has written to its output.
    Output,
    /// A process connects to the session's socket.
    Listener,
    /// The runner of the session has ended.
    Runner,
    /// The server announces something after it was ready.
    ReadinessFds,
    /// The supervisor of a server that this one needs, or that needs this one, has said something.
    Needs,
    Connection(u64),
}
