//! The call of `listen`, announced by the kernel (`SECCOMP_RET_USER_NOTIF`, seccomp_unotify(2)).
//!
//! A process can be watched like this only if it may gain no privileges, so it is no way for all servers.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use nix::cmsg_space;
use nix::libc;
use nix::sys::prctl::set_no_new_privs;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

use super::{Running, wait_readable};
use crate::Outcome;

/// The end of a socket from which the descriptor of the announcements comes.
pub(super) struct ListenCall(UnixDatagram);

impl ListenCall {
    /// Makes the kernel announce the call of a command.
    pub(super) fn of(command: &mut Command) -> Outcome<Self> {
        let (here, there) = UnixDatagram::pair()?;
        // SAFETY: between fork and exec are only system calls, and one small allocation.
        unsafe { command.pre_exec(move || announce(&there)) };
        Ok(Self(here))
    }

    pub(super) fn wait(self, running: &Running) -> Outcome {
        let announcements = receive(&self.0)?;
        wait_readable(&[announcements.as_fd(), running.pidfd.as_fd()], Duration::from_secs(60))?;
        running.pause(Duration::ZERO)?;
        let_go_on(&announcements)?;
        Ok(())
    }
}

fn statement(code: u32, jump: (u8, u8), value: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: jump.0, jf: jump.1, k: value }
}

fn announce(to: &UnixDatagram) -> io::Result<()> {
    set_no_new_privs()?;
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, (0, 0), 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, (0, 1), libc::SYS_listen as u32),
        statement(libc::BPF_RET | libc::BPF_K, (0, 0), libc::SECCOMP_RET_USER_NOTIF),
        statement(libc::BPF_RET | libc::BPF_K, (0, 0), libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // SAFETY: the program is valid, and outlives the call.
    let fd = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let message = [fd as RawFd];
    let message = [ControlMessage::ScmRights(&message)];
    sendmsg::<()>(to.as_raw_fd(), &[IoSlice::new(b"x")], &message, MsgFlags::empty(), None)?;
    Ok(())
}

fn receive(from: &UnixDatagram) -> Outcome<OwnedFd> {
    let mut byte = [0];
    let mut byte = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!(RawFd);
    let message =
        recvmsg::<()>(from.as_raw_fd(), &mut byte, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let fds = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    let fd = fds.ok_or("no descriptor came")?;
    // SAFETY: the kernel has just made this descriptor for the caller.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Lets the process make the call that it has announced.
fn let_go_on(announcements: &OwnedFd) -> io::Result<()> {
    let fd = announcements.as_raw_fd();
    // SAFETY: all bytes zero are a value of this structure, which the kernel asks for.
    let mut call: libc::seccomp_notif = unsafe { mem::zeroed() };
    // SAFETY: the structure is the one of this request.
    check(unsafe { libc::ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &raw mut call) })?;
    let go_on = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
    let mut answer = libc::seccomp_notif_resp { id: call.id, val: 0, error: 0, flags: go_on };
    // SAFETY: the structure is the one of this request.
    check(unsafe { libc::ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) })
}

const SECCOMP_IOCTL_NOTIF_RECV: u64 = request_code(0, mem::size_of::<libc::seccomp_notif>());
const SECCOMP_IOCTL_NOTIF_SEND: u64 = request_code(1, mem::size_of::<libc::seccomp_notif_resp>());

/// `SECCOMP_IOWR(number, type)`.
const fn request_code(number: u64, size: usize) -> u64 {
    (3 << 30) | ((size as u64) << 16) | (('!' as u64) << 8) | number
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
