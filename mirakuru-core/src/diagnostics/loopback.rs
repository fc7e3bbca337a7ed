//! The loopback interface, by which servers on this machine are reached.

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;

/// How the interface is put up, for the report of a failed wait.
pub(crate) const HELP: &str = "nothing on this machine can be connected to while it is down: \
    `ip link set lo up` puts it up, as in `unshare --net sh -c 'ip link set lo up && cargo test'`";

/// Returns true if the interface is down, as in a new network namespace. A server can listen there, but
/// connections to it fail.
pub(crate) fn is_down() -> bool {
    let interfaces = getifaddrs().into_iter().flatten();
    let mut loopback = interfaces
        .filter(|interface| interface.flags.contains(InterfaceFlags::IFF_LOOPBACK))
        .peekable();
    loopback.peek().is_some()
        && !loopback.any(|interface| interface.flags.contains(InterfaceFlags::IFF_UP))
}
