//! What a process listens on instead of the address that is waited for.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::sys;

/// Returns help if a process below the supervisor listens at another TCP address, or has a UDP socket
/// at one of the wanted ones.
pub(super) fn help(wanted: &[SocketAddr], supervisor: i32) -> Option<String> {
    let tree = sys::descendants_of(supervisor);
    let own: HashSet<u64> = tree.into_iter().flat_map(sys::sockets_of).collect();
    let of_tree = |sockets: Option<Vec<(SocketAddr, u64)>>| {
        let own = &own;
        let sockets = sockets.unwrap_or_default().into_iter();
        sockets.filter(move |(_, inode)| own.contains(inode)).map(|(address, _)| address)
    };
    let mut listening: Vec<_> = of_tree(sys::listeners(None)).map(|it| it.to_string()).collect();
    listening.sort();
    listening.dedup();
    if !listening.is_empty() {
        let listening = listening.join(" and ");
        return Some(format!("it listens on {listening} instead: wait for that, or configure it"));
    }
    let is_wanted = |address: &SocketAddr| wanted.iter().any(|it| it.port() == address.port());
    let udp = of_tree(sys::udp_sockets(None)).find(is_wanted)?;
    Some(format!("it has a UDP socket at {udp}, and none for TCP: wait for `udp`"))
}
