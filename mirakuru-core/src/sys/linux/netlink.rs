//! Questions to the kernel about sockets, by netlink: one datagram to the kernel, some back. See
//! sock_diag(7).

use std::fs::File;
use std::io::{self, Read, Write};

use nix::libc;

use crate::sys::unix::socket;

/// The length of `struct nlmsghdr`, which begins every message.
pub(super) const HEADER_LEN: usize = 16;

const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// The size of the buffer for a part of a list, which the kernel fills if it has been read from before. A
/// first part has at most this size.
const PART_MAX: usize = 8 * 1024; // 8 KiB

/// Fills in the header of a request. `more_flags` are added to `NLM_F_REQUEST`.
pub(super) fn set_header(request: &mut [u8], more_flags: i32) {
    let (length, flags) = (request.len() as u32, (libc::NLM_F_REQUEST | more_flags) as u16);
    request[..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&flags.to_ne_bytes());
}

/// A socket for questions to the kernel about the sockets of a network namespace.
pub(super) struct Netlink(File);

impl Netlink {
    /// Asks about the network namespace of this thread.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self(socket(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_SOCK_DIAG)?.into()))
    }

    /// Asks for one socket. `parse` reads a message with its header. After an error, another answer may
    /// follow: the socket is of no use then.
    pub(super) fn find<T>(
        &self,
        request: &[u8],
        parse: impl Fn(&[u8]) -> io::Result<T>,
    ) -> io::Result<Option<T>> {
        (&self.0).write_all(request)?;
        Ok(self.next(&mut [0; 512], &parse)?.found.into_iter().next())
    }

    /// Asks for a list, by a request with the flag `NLM_F_DUMP`.
    pub(super) fn list<T>(
        &self,
        request: &[u8],
        parse: impl Fn(&[u8]) -> io::Result<T>,
    ) -> io::Result<Vec<T>> {
        (&self.0).write_all(request)?;
        let (mut all, mut answer) = (Vec::new(), vec![0; PART_MAX]);
        loop {
            let part = self.next(&mut answer, &parse)?;
            all.extend(part.found);
            if part.is_last {
                return Ok(all);
            }
        }
    }

    fn next<T>(
        &self,
        answer: &mut [u8],
        parse: &impl Fn(&[u8]) -> io::Result<T>,
    ) -> io::Result<Part<T>> {
        let length = (&self.0).read(answer)?;
        split(&answer[..length], parse)
    }
}

/// A part of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Part<T> {
    found: Vec<T>,
    is_last: bool,
}

fn split<T>(answer: &[u8], parse: &impl Fn(&[u8]) -> io::Result<T>) -> io::Result<Part<T>> {
    let mut part = Part { found: Vec::new(), is_last: false };
    let mut rest = answer;
    while rest.len() >= HEADER_LEN {
        let length = (word(rest, 0)? as usize).clamp(HEADER_LEN, rest.len());
        match i32::from(word(rest, 4)? as u16) {
            // Some kernels send it with the last of the sockets.
            libc::NLMSG_DONE => return Ok(Part { is_last: true, ..part }),
            libc::NLMSG_ERROR => {
                return match -(word(rest, HEADER_LEN)? as i32) {
                    libc::ENOENT => Ok(Part { is_last: true, ..part }),
                    errno => Err(io::Error::from_raw_os_error(errno)),
                };
            }
            _ => part.found.push(parse(&rest[..length])?),
        }
        // Each message begins at a multiple of four.
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(part)
}

/// Reads a number of four bytes in the order of this machine.
pub(super) fn word(bytes: &[u8], at: usize) -> io::Result<u32> {
    let bytes = bytes.get(at..at + 4).ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: i32, body: &[u8]) -> Vec<u8> {
        let mut message = vec![0; HEADER_LEN];
        set_header(&mut message, 0);
        message[..4].copy_from_slice(&((HEADER_LEN + body.len()) as u32).to_ne_bytes());
        message[4..6].copy_from_slice(&(kind as u16).to_ne_bytes());
        message.extend(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn body(message: &[u8]) -> io::Result<Vec<u8>> {
        Ok(message[HEADER_LEN..].to_vec())
    }

    #[test]
    fn messages_that_come_with_the_end_of_the_answer_are_not_lost() {
        let socket = i32::from(SOCK_DIAG_BY_FAMILY);
        let answer = [message(socket, b"first"), message(socket, b"2nd")].concat();
        let found = vec![b"first".to_vec(), b"2nd".to_vec()];
        assert_eq!(split(&answer, &body).unwrap(), Part { found: found.clone(), is_last: false });
        let answer = [answer, message(libc::NLMSG_DONE, &[0; 4])].concat();
        assert_eq!(split(&answer, &body).unwrap(), Part { found, is_last: true });
    }

    #[test]
    fn nothing_found_is_no_error_and_any_other_refusal_is_one() {
        let refused = |errno: i32| message(libc::NLMSG_ERROR, &(-errno).to_ne_bytes());
        let nothing = split(&refused(libc::ENOENT), &body).unwrap();
        assert_eq!(nothing, Part { found: Vec::new(), is_last: true });
        let error = split(&refused(libc::EPERM), &body).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    }
}
