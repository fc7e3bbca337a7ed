//! Messages over sockets, with the descriptors and the sender that come with them.

use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;
use std::slice;

use nix::errno::Errno;
use nix::libc::{self, c_int, c_void};

use crate::sys::platform;

/// Room for what comes with a message: the 253 descriptors that Linux sends at most, the sender, and a
/// descriptor of the sender. With less, the kernel truncates the list, and the extra descriptors leak.
/// It consists of numbers because the kernel aligns what it writes.
type Control = [usize; CONTROL_LEN];

const CONTROL_LEN: usize = 1280 / size_of::<usize>();

const EMPTY: Control = [0; CONTROL_LEN];

/// Sends bytes over a connected socket, with descriptors if there are any.
pub(in crate::sys) fn send_message(
    socket: RawFd,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> nix::Result<usize> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let mut part = libc::iovec { iov_base: bytes.as_ptr() as *mut c_void, iov_len: bytes.len() };
    let mut control = EMPTY;
    let mut message = message(&mut part, &mut control);
    attach(&raw, &mut message);
    // SAFETY: the message points to buffers of the lengths in it, which the kernel only reads.
    let sent = unsafe { libc::sendmsg(socket, &raw const message, platform::SEND_FLAGS) };
    Errno::result(sent).map(|sent| sent as usize)
}

/// Receives bytes. `take` gets the type and the content of each thing that comes with them.
pub(in crate::sys) fn receive_message(
    socket: RawFd,
    bytes: &mut [u8],
    flags: c_int,
    take: &mut dyn FnMut(c_int, &[u8]),
) -> nix::Result<usize> {
    let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = EMPTY;
    let mut message = message(&mut part, &mut control);
    let flags = flags | platform::RECEIVE_FLAGS;
    // SAFETY: the message points to living buffers of the lengths in it.
    let received = unsafe { libc::recvmsg(socket, &raw mut message, flags) };
    let length = Errno::result(received)? as usize;
    for_each(&message, take);
    if message.msg_flags & libc::MSG_CTRUNC == 0 { Ok(length) } else { Err(Errno::ENOBUFS) }
}

/// Reads a list of descriptors.
pub(in crate::sys) fn fds_in(bytes: &[u8]) -> impl Iterator<Item = RawFd> {
    bytes.chunks_exact(4).map(|fd| RawFd::from_ne_bytes([fd[0], fd[1], fd[2], fd[3]]))
}

fn message(part: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: all zeroes are a valid value, that of a message without content.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<Control>() as _;
    message
}

fn attach(fds: &[RawFd], message: &mut libc::msghdr) {
    if fds.is_empty() {
        // The kernels of macOS and of the BSDs refuse a buffer without a header.
        message.msg_control = ptr::null_mut();
        message.msg_controllen = 0;
        return;
    }
    let length = size_of_val(fds) as libc::c_uint;
    // SAFETY: the lengths are computed as the kernel does. The buffer has room for a header and the
    // descriptors of one message, and is aligned as a header is.
    unsafe {
        message.msg_controllen = libc::CMSG_SPACE(length) as _;
        let header = libc::CMSG_FIRSTHDR(message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(length) as _;
        ptr::copy_nonoverlapping(fds.as_ptr().cast(), libc::CMSG_DATA(header), size_of_val(fds));
    }
}

#[allow(clippy::unnecessary_cast, reason = "the type of a length differs between systems")]
fn for_each(message: &libc::msghdr, take: &mut dyn FnMut(c_int, &[u8])) {
    let end = message.msg_control as usize + message.msg_controllen as usize;
    // SAFETY: the kernel wrote the headers into the living buffer of the message, up to this end.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while let Some(found) = header.as_ref() {
            // Elsewhere than on Linux, what was truncated keeps its length.
            let length = (found.cmsg_len as usize).min(end - header as usize);
            let length = length.saturating_sub(libc::CMSG_LEN(0) as usize);
            take(found.cmsg_type, slice::from_raw_parts(libc::CMSG_DATA(header), length));
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_message_without_descriptors_has_no_buffer_for_them() {
        let mut part = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut control = EMPTY;
        let mut message = message(&mut part, &mut control);
        attach(&[], &mut message);
        assert!(message.msg_control.is_null() && message.msg_controllen == 0);
    }

    #[test]
    fn a_descriptor_that_comes_with_a_datagram_is_closed() {
        let (sender, receiver) = UnixDatagram::pair().unwrap();
        let (mut ours, sent) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        send_message(sender.as_raw_fd(), b"x", &[sent.as_fd()]).unwrap();
        drop(sent);
        let (length, _) = platform::receive_datagram(receiver.as_fd(), &mut [0; 8]).unwrap();
        assert_eq!((length, ours.read(&mut [0]).unwrap()), (1, 0));
    }
}
