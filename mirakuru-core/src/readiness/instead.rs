//! What a process listens on instead of the address that is waited for.

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::sys;

/// Returns help if a process below the supervisor listens at another TCP address, or has a UDP socket
/// at one of the wanted ones.
pub(super) fn help(wanted: &[SocketAddr], supervisor: i32) -> Option<String> {
    if let Some(listens) = listens(supervisor) {
        return Some(format!("{listens}: wait for that, or configure it"));
    }
    let is_wanted = |address: &SocketAddr| wanted.iter().any(|it| it.port() == address.port());
    let udp = of_tree(sys::udp_sockets(None), supervisor).into_iter().find(is_wanted)?;
    Some(format!("it has a UDP socket at {udp}, and none for TCP: wait for `udp`"))
}

/// Says where a process below the supervisor listens, if one does.
pub(super) fn listens(supervisor: i32) -> Option<String> {
    let listening = of_tree(sys::listeners(), supervisor);
    let mut listening: Vec<_> = listening.iter().map(SocketAddr::to_string).collect();
    listening.sort();
    listening.dedup();
    let is_any = !listening.is_empty();
    is_any.then(|| format!("it listens on {} instead", listening.join(" and ")))
}

/// Returns the addresses of those sockets that a process below the supervisor has.
fn of_tree(sockets: Option<Vec<(SocketAddr, u64)>>, supervisor: i32) -> Vec<SocketAddr> {
    let tree = sys::descendants_of(supervisor);
    let own: HashSet<u64> = tree.into_iter().flat_map(sys::sockets_of).collect();
    let sockets = sockets.unwrap_or_default().into_iter();
    sockets.filter(|(_, inode)| own.contains(inode)).map(|(address, _)| address).collect()
}
