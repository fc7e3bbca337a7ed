//! The loopback interface, by which servers on this machine are reached.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};

/// How the interface is put up, for the report of a failed wait.
pub(crate) const HELP: &str = "nothing on this machine can be connected to while it is down: \
    `ip link set lo up` puts it up, as in `unshare --net sh -c 'ip link set lo up && cargo test'`";

/// Returns true if the interface is down, as in a new network namespace. A server can listen there, but
/// connections to it fail.
pub(crate) fn is_down() -> bool {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return false };
    // Nothing is sent: the kernel only looks for a route.
    let connected = socket.connect((Ipv4Addr::LOCALHOST, 9));
    connected.err().is_some_and(|error| error.kind() == ErrorKind::NetworkUnreachable)
}
