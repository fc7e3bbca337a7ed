//! The addresses that a server's processes listen on.

use std::collections::BTreeSet;
use std::fs;

/// `127.0.0.1`, also as an address of version 6, and `::1`.
const LOCAL: [&str; 3] =
    ["0100007F:", "0000000000000000FFFF00000100007F:", "00000000000000000000000001000000:"];

/// Returns the local addresses, in hexadecimal as the kernel prints them, of TCP sockets that these
/// processes listen on and others than this machine can reach.
pub(super) fn reachable(pids: &[u32]) -> Vec<String> {
    let sockets: BTreeSet<_> = pids.iter().flat_map(|pid| sockets(*pid)).collect();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let text: String = tables.into_iter().flatten().collect();
    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = rows.filter_map(|row| {
        // The number of the row, both addresses, the state: 0A listens; …; the inode.
        let (address, state, inode) = (*row.get(1)?, *row.get(3)?, *row.get(9)?);
        let is_local = LOCAL.iter().any(|local| address.starts_with(local));
        let is_meant = state == "0A" && sockets.contains(&format!("socket:[{inode}]"));
        (is_meant && !is_local).then(|| address.to_owned())
    });
    found.collect()
}

fn sockets(pid: u32) -> Vec<String> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = fds.filter_map(|fd| Some(fs::read_link(fd.path()).ok()?.to_str()?.to_owned()));
    links.filter(|link| link.starts_with("socket:")).collect()
}

#[test]
fn only_a_listener_of_this_machine_is_not_reachable() {
    let own = [std::process::id()];
    let local = std::net::TcpListener::bind("127.0.0.1:0").expect("it is free");
    let port = format!(":{:04X}", local.local_addr().expect("it is bound").port());
    assert!(!reachable(&own).iter().any(|address| address.ends_with(&port)), "{port}");
    let open = std::net::TcpListener::bind("0.0.0.0:0").expect("it is free");
    let port = format!("00000000:{:04X}", open.local_addr().expect("it is bound").port());
    assert!(reachable(&own).contains(&port), "{port}");
}
