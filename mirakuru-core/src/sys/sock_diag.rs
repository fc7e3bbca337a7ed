//! Asks the kernel who listens at a TCP address: one datagram there, one back, no connection.
//!
//! The question is exact ("which listener would get a connection to this address?"), so it takes
//! some 3 µs where reading `/proc/net/tcp` takes 9 ms. See sock_diag(7).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use super::Listener;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const HEADER_LEN: usize = 16;
const REQUEST_LEN: usize = HEADER_LEN + 56;
const TCP_LISTEN: u8 = 10;
/// Offsets in the answer, `struct inet_diag_msg`, behind the header.
const STATE: usize = HEADER_LEN + 1;
const INODE: usize = HEADER_LEN + 68;

pub(super) fn listener(address: SocketAddr) -> io::Result<Listener> {
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkSockDiag,
    )?;
    send(socket.as_raw_fd(), &request(address), MsgFlags::empty())?;
    let mut answer = [0; 512];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    parse(&answer[..length])
}

fn request(address: SocketAddr) -> [u8; REQUEST_LEN] {
    let mut request = [0; REQUEST_LEN];
    request[..4].copy_from_slice(&(REQUEST_LEN as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    let body = &mut request[HEADER_LEN..];
    body[1] = libc::IPPROTO_TCP as u8;
    body[4..8].copy_from_slice(&(1u32 << TCP_LISTEN).to_ne_bytes());
    body[8..10].copy_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            body[0] = libc::AF_INET as u8;
            body[12..16].copy_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            body[0] = libc::AF_INET6 as u8;
            body[12..28].copy_from_slice(&ip.octets());
        }
    }
    // No cookie: any socket will do.
    body[48..56].fill(0xff);
    request
}

fn parse(answer: &[u8]) -> io::Result<Listener> {
    let word = |at: usize| {
        let bytes = answer.get(at..at + 4).ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok::<_, io::Error>(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    };
    let kind = word(4)? as u16;
    if i32::from(kind) == libc::NLMSG_ERROR {
        return match -(word(HEADER_LEN)? as i32) {
            libc::ENOENT => Ok(Listener::Nobody),
            errno => Err(io::Error::from_raw_os_error(errno)),
        };
    }
    let inode = word(INODE)?;
    let listens = answer[STATE] == TCP_LISTEN;
    Ok(if listens { Listener::Socket(inode.into()) } else { Listener::Nobody })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_listener_is_found_with_its_inode() {
        for host in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let server = TcpListener::bind(host).unwrap();
            let mut address = server.local_addr().unwrap();
            if address.ip().is_unspecified() {
                address.set_ip(IpAddr::from([127, 0, 0, 1]));
            }
            let link = std::fs::metadata(format!("/proc/self/fd/{}", server.as_raw_fd())).unwrap();
            assert_eq!(listener(address).unwrap(), Listener::Socket(link.ino()), "{host}");
        }
    }

    #[test]
    fn a_port_without_listener_has_none() {
        let address = {
            let server = TcpListener::bind("127.0.0.1:0").unwrap();
            server.local_addr().unwrap()
        };
        assert_eq!(listener(address).unwrap(), Listener::Nobody);
    }
}
