//! The question whether a socket listens, by netlink: no connection, 3 µs. See sock_diag(7).

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType};
use nix::sys::socket::{recv, send, socket};

use crate::Outcome;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `struct nlmsghdr` and `struct inet_diag_req_v2`.
const REQUEST_LEN: usize = 16 + 56;
const TCP_LISTEN: u8 = 10;

pub(super) struct SockDiag(OwnedFd);

impl SockDiag {
    pub(super) fn open() -> Outcome<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let protocol = SockProtocol::NetlinkSockDiag;
        Ok(Self(socket(AddressFamily::Netlink, SockType::Datagram, flags, protocol)?))
    }

    pub(super) fn has_listener(&self, address: SocketAddr) -> Outcome<bool> {
        send(self.0.as_raw_fd(), &request(address), MsgFlags::empty())?;
        let mut answer = [0; 512];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        let is_error = u16::from_ne_bytes([answer[4], answer[5]]) == libc::NLMSG_ERROR as u16;
        Ok(length > 17 && !is_error && answer[17] == TCP_LISTEN)
    }
}

/// Returns the question for the listener that a connection to a port of 127.0.0.1 would reach.
fn request(address: SocketAddr) -> [u8; REQUEST_LEN] {
    let mut request = [0; REQUEST_LEN];
    request[..4].copy_from_slice(&(REQUEST_LEN as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&(libc::NLM_F_REQUEST as u16).to_ne_bytes());
    request[16] = libc::AF_INET as u8;
    request[17] = libc::IPPROTO_TCP as u8;
    request[20..24].fill(0xff); // Any state.
    request[24..26].copy_from_slice(&address.port().to_be_bytes());
    request[28..32].copy_from_slice(&[127, 0, 0, 1]);
    request[64..].fill(0xff); // Any socket: the cookie is unknown.
    request
}
