//! Finds TCP and UDP sockets by netlink, without a connection.
//!
//! The request is exact ("the listener for a connection to this address"), so it takes some 3 µs where
//! reading `/proc/net/tcp` takes 9 ms. See sock_diag(7).

use std::io;
use std::net::{IpAddr, SocketAddr};

use nix::libc;

use super::netlink::{self, HEADER_LEN, Netlink, word};
use crate::sys::{Listener, ListeningSocket};

const REQUEST_LEN: usize = HEADER_LEN + 56;
const TCP_LISTEN: u8 = 10;
/// `TCP_CLOSE`, the state of a UDP socket without a peer.
const UNCONNECTED: u8 = 7;
/// The states of a connection that can wait in the accept queue: established, and two before that.
const WAITING: [u8; 3] = [1, 3, 12];
/// Offsets in the answer, `struct inet_diag_msg`, behind the header.
const FAMILY: usize = HEADER_LEN;
const STATE: usize = HEADER_LEN + 1;
const PORT: usize = HEADER_LEN + 4;
const SOURCE: usize = HEADER_LEN + 8;
const QUEUED: usize = HEADER_LEN + 56;
const QUEUE_LIMIT: usize = HEADER_LEN + 60;
const USER: usize = HEADER_LEN + 64;
const INODE: usize = HEADER_LEN + 68;

/// One socket, as the kernel describes it.
struct Socket {
    address: SocketAddr,
    state: u8,
    /// 0 for a connection that is not accepted yet.
    inode: u64,
    user: u32,
    /// Of a listener: the number of connections that wait to be accepted is at its limit.
    is_full: bool,
}

/// Finds the listener at an address.
pub(super) fn listener(netlink: &Netlink, address: SocketAddr) -> io::Result<Listener> {
    let found = netlink.find(&request(address, None, 0), socket_of)?;
    let listens = found.filter(|socket| socket.state == TCP_LISTEN);
    Ok(listens.map_or(Listener::None, |Socket { inode, user, is_full, .. }| {
        Listener::Socket(ListeningSocket { inode, user, is_full })
    }))
}

/// Finds the socket that takes datagrams to an address from any other one.
pub(super) fn udp_socket(address: SocketAddr) -> io::Result<Listener> {
    // The kernel looks for the receiver of a datagram, so the address is that of the peer.
    let mut request = request(any_of(address), Some(address), 0);
    ask_for_udp(&mut request);
    let found = find(&request)?.filter(|socket| socket.state == UNCONNECTED);
    Ok(found.map_or(Listener::None, |Socket { inode, user, .. }| {
        Listener::Socket(ListeningSocket { inode, user, is_full: false })
    }))
}

/// Returns the addresses of the UDP sockets that are not connected, at a port or at all, with their inodes.
pub(super) fn udp_sockets(port: Option<u16>) -> io::Result<Vec<(SocketAddr, u64)>> {
    all(&Netlink::open()?, port, ask_for_udp)
}

/// Returns true if the listener at `server` has accepted the connection from `client`.
pub(super) fn is_accepted(server: SocketAddr, client: SocketAddr) -> io::Result<bool> {
    let waits = |socket: Socket| WAITING.contains(&socket.state) && socket.inode == 0;
    // A connection that is gone was accepted and closed.
    Ok(!find(&request(server, Some(client), 0))?.is_some_and(waits))
}

/// Returns the addresses of the listening sockets, at a port or at all, with their inodes.
pub(super) fn listeners(
    netlink: &Netlink,
    port: Option<u16>,
) -> io::Result<Vec<(SocketAddr, u64)>> {
    all(netlink, port, |_| ())
}

/// Lists sockets of both families. `adapt` changes a request for TCP sockets that listen.
fn all(
    netlink: &Netlink,
    port: Option<u16>,
    adapt: fn(&mut [u8; REQUEST_LEN]),
) -> io::Result<Vec<(SocketAddr, u64)>> {
    let mut found = Vec::new();
    for any in [IpAddr::from([0; 4]), IpAddr::from([0; 16])] {
        // The kernel takes port 0 for all ports.
        let address = SocketAddr::new(any, port.unwrap_or(0));
        let mut request = request(address, None, libc::NLM_F_DUMP);
        adapt(&mut request);
        let sockets = netlink.list(&request, socket_of)?;
        found.extend(sockets.into_iter().map(|socket| (socket.address, socket.inode)));
    }
    Ok(found)
}

fn ask_for_udp(request: &mut [u8; REQUEST_LEN]) {
    let body = &mut request[HEADER_LEN..];
    body[1] = libc::IPPROTO_UDP as u8;
    body[4..8].copy_from_slice(&(1u32 << UNCONNECTED).to_ne_bytes());
}

/// Returns the unspecified address of the same family, with port 0.
fn any_of(address: SocketAddr) -> SocketAddr {
    let ip = if address.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    SocketAddr::new(ip, 0)
}

fn find(request: &[u8]) -> io::Result<Option<Socket>> {
    Netlink::open()?.find(request, socket_of)
}

/// Makes a request for the listener at an address, or for its end of a connection with `peer`.
fn request(address: SocketAddr, peer: Option<SocketAddr>, more_flags: i32) -> [u8; REQUEST_LEN] {
    let mut request = [0; REQUEST_LEN];
    netlink::set_header(&mut request, more_flags);
    let body = &mut request[HEADER_LEN..];
    body[1] = libc::IPPROTO_TCP as u8;
    body[4..8].copy_from_slice(&(1u32 << TCP_LISTEN).to_ne_bytes());
    body[0] = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 } as u8;
    for (at, address) in [(0, Some(address)), (1, peer)] {
        let Some(address) = address else { continue };
        let (port, ip) = (8 + 2 * at, 12 + 16 * at);
        body[port..port + 2].copy_from_slice(&address.port().to_be_bytes());
        match address.ip() {
            IpAddr::V4(v4) => body[ip..ip + 4].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => body[ip..ip + 16].copy_from_slice(&v6.octets()),
        }
    }
    // No cookie: any socket will do.
    body[48..56].fill(0xff);
    request
}

fn socket_of(message: &[u8]) -> io::Result<Socket> {
    let byte = |at: usize| message.get(at).copied().ok_or(io::ErrorKind::UnexpectedEof);
    let ip = message.get(SOURCE..SOURCE + 16).ok_or(io::ErrorKind::UnexpectedEof)?;
    let ip = match <[u8; 16]>::try_from(ip) {
        Ok(ip) if i32::from(byte(FAMILY)?) == libc::AF_INET6 => IpAddr::from(ip).to_canonical(),
        _ => IpAddr::from([ip[0], ip[1], ip[2], ip[3]]),
    };
    let port = u16::from_be_bytes([byte(PORT)?, byte(PORT + 1)?]);
    Ok(Socket {
        address: SocketAddr::new(ip, port),
        state: byte(STATE)?,
        inode: word(message, INODE)?.into(),
        user: word(message, USER)?,
        // The kernel takes one more than the limit that was passed to `listen`.
        is_full: word(message, QUEUED)? > word(message, QUEUE_LIMIT)?,
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn listener_at(address: SocketAddr) -> Listener {
        listener(&Netlink::open().unwrap(), address).unwrap()
    }

    #[test]
    fn a_listener_is_found_with_its_inode() {
        for host in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let server = TcpListener::bind(host).unwrap();
            let mut address = server.local_addr().unwrap();
            if address.ip().is_unspecified() {
                address.set_ip(IpAddr::from([127, 0, 0, 1]));
            }
            let link = std::fs::metadata(format!("/proc/self/fd/{}", server.as_raw_fd())).unwrap();
            let user = nix::unistd::geteuid().as_raw();
            let expected = ListeningSocket { inode: link.ino(), user, is_full: false };
            assert_eq!(listener_at(address), Listener::Socket(expected), "{host}");
        }
    }

    #[test]
    fn all_listeners_are_listed_and_what_was_accepted_is_told() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let server = TcpListener::bind(host).unwrap();
            let address = server.local_addr().unwrap();
            let Listener::Socket(found) = listener_at(address) else { panic!("{host}") };
            let listed = |port| {
                listeners(&Netlink::open().unwrap(), port)
                    .unwrap()
                    .contains(&(address, found.inode))
            };
            assert!(listed(None) && listed(Some(address.port())), "{host}");
            let other = TcpListener::bind(host).unwrap().local_addr().unwrap().port();
            assert!(!listed(Some(other)), "{host}");
            let client = std::net::TcpStream::connect(address).unwrap();
            let from = client.local_addr().unwrap();
            assert!(!is_accepted(address, from).unwrap(), "{host}");
            let accepted = server.accept().unwrap();
            assert!(is_accepted(address, from).unwrap(), "{host}");
            drop(accepted);
            assert!(is_accepted(address, from).unwrap(), "{host}");
        }
    }

    #[test]
    fn a_listener_that_takes_no_more_connections_is_full() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        nix::sys::socket::listen(&server, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
        let address = server.local_addr().unwrap();
        let is_full = || match listener_at(address) {
            Listener::Socket(found) => found.is_full,
            other => panic!("{other:?}"),
        };
        assert!(!is_full());
        let connect = || std::net::TcpStream::connect(address).unwrap();
        let _waiting = [connect(), connect()];
        assert!(is_full());
        drop(server.accept().unwrap());
        assert!(!is_full());
    }

    #[test]
    fn a_udp_socket_is_found_by_any_address_that_reaches_it() {
        for (host, reached) in [
            ("127.0.0.1:0", [true, false]),
            ("0.0.0.0:0", [true, false]),
            ("[::1]:0", [false, true]),
            ("[::]:0", [true, true]),
        ] {
            let socket = std::net::UdpSocket::bind(host).unwrap();
            let bound = socket.local_addr().unwrap();
            let link = std::fs::metadata(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
            for (to, is_reached) in ["127.0.0.1", "::1"].into_iter().zip(reached) {
                let to = SocketAddr::new(to.parse().unwrap(), bound.port());
                let found = match udp_socket(to).unwrap() {
                    Listener::Socket(found) => Some(found.inode),
                    _ => None,
                };
                assert_eq!(found, is_reached.then_some(link.ino()), "{host} by {to}");
            }
            for port in [None, Some(bound.port())] {
                assert!(udp_sockets(port).unwrap().contains(&(bound, link.ino())), "{host}");
            }
            assert!(
                !listeners(&Netlink::open().unwrap(), None)
                    .unwrap()
                    .iter()
                    .any(|(_, inode)| *inode == link.ino()),
                "{host}"
            );
        }
    }

    #[test]
    fn a_port_without_listener_has_none() {
        let address = {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            server.local_addr().unwrap()
        };
        assert_eq!(listener_at(address), Listener::None);
    }
}
