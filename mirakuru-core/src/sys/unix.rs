//! System calls that every Unix has.

use std::fs::{self, File, Permissions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, SockType, UnixAddr, connect, recvmsg,
    sendmsg, socket,
};
use nix::unistd::{Pid, getppid, setsid};

use super::fd_slots::{ExecWithListenPid, leave};

/// Runs `function` when this process exits in the normal way.
pub(crate) fn at_exit(function: extern "C" fn()) {
    // SAFETY: `atexit` only stores the pointer of a function that lives as long as the program.
    unsafe { libc::atexit(function) };
}

/// Ends this process without running exit handlers or destructors.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions and does not return.
    unsafe { libc::_exit(code) }
}

/// Returns the effective user's id.
pub(crate) fn effective_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Starts a new session, without a terminal and in a new process group.
pub(crate) fn new_session() {
    // This can only fail for a group leader, which a process that was just spawned is not.
    let _ = setsid();
}

/// Starts `command` in a session of its own, with default signal handling. Where the kernel supports
/// it, the child is killed when the calling process ends. It inherits the descriptors at `numbers`,
/// and executes `with_listen_pid` instead of `command` if that is given.
///
/// The caller must be single-threaded: `PR_SET_PDEATHSIG` follows the thread that forks.
pub(crate) fn spawn_tied(
    command: &mut Command,
    numbers: Vec<RawFd>,
    with_listen_pid: Option<ExecWithListenPid>,
) -> io::Result<Child> {
    let parent = Pid::this();
    let prepare = move || {
        super::platform::set_pdeathsig();
        if getppid() != parent {
            // The parent ended before the signal was set.
            exit_now(1);
        }
        new_session();
        reset_signals();
        leave(&numbers);
        with_listen_pid.as_ref().map_or(Ok(()), |program| Err(program.exec()))
    };
    // SAFETY: the closure makes system calls and allocates. That is safe because the process had one
    // thread when it forked, so no other thread can hold a lock.
    unsafe { command.pre_exec(prepare) };
    command.spawn()
}

/// Resets signals that a test runner ignores: `exec` would pass that on to the server.
fn reset_signals() {
    for number in 1..32 {
        // SAFETY: setting the default action has no preconditions. For KILL and STOP it is an
        // error without effect.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

/// The writing end of the self-pipe, for the signal handler.
static SELF_PIPE: AtomicI32 = AtomicI32::new(-1);

/// Makes signals readable: each one writes its number as a byte to a pipe. Returns the reading end.
pub(crate) fn signal_pipe(signals: &[Signal]) -> io::Result<OwnedFd> {
    let (read, write) = super::platform::pipe()?;
    for end in [&read, &write] {
        fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    }
    SELF_PIPE.store(write.as_raw_fd(), Ordering::SeqCst);
    // The handler uses it until the process ends.
    std::mem::forget(write);
    let action =
        SigAction::new(SigHandler::Handler(on_signal), SaFlags::SA_RESTART, SigSet::empty());
    for signal in signals {
        // SAFETY: the handler only writes to a pipe and keeps `errno`.
        unsafe { sigaction(*signal, &action)? };
    }
    Ok(read)
}

extern "C" fn on_signal(number: i32) {
    let errno = Errno::last_raw();
    let byte = number as u8;
    let pipe = SELF_PIPE.load(Ordering::SeqCst);
    // SAFETY: `write` is async-signal-safe and reads one byte of a living variable. If the pipe is full,
    // the reader wakes up anyway.
    unsafe { libc::write(pipe, (&raw const byte).cast(), 1) };
    Errno::set_raw(errno);
}

/// Unblocks the signals that the thread which started this process had blocked.
pub(crate) fn unblock_signals() {
    let _ = SigSet::empty().thread_set_mask(); // An empty set is valid.
}

/// Makes a write to a closed connection fail instead of ending this process.
pub(crate) fn ignore_sigpipe() {
    // SAFETY: ignoring a signal installs no handler.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGPIPE, SigHandler::SigIgn) };
}

/// Sends `bytes` with descriptors in one message.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if raw.is_empty() { &[] } else { &rights };
    let sent = sendmsg::<()>(
        stream.as_raw_fd(),
        &[IoSlice::new(bytes)],
        control,
        super::platform::SEND_FLAGS,
        None,
    )?;
    // All frames have one length, so the free space of the buffer is a multiple of it.
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// The largest number of descriptors in one message of ours.
pub(crate) const FDS_MAX: usize = 8;

/// The number of datagrams that are received in a row, so that an endless sender cannot stall the loop.
pub(crate) const DATAGRAMS_AT_ONCE: usize = 1024;

/// Binds a datagram socket to a path that every user can send to.
pub(crate) fn bind_datagram(path: &Path) -> io::Result<OwnedFd> {
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    super::platform::tell_senders(&socket);
    // A server that changes its user still has to reach it.
    fs::set_permissions(path, Permissions::from_mode(0o777))?;
    Ok(socket.into())
}

/// Receives up to `bytes.len()` bytes and the attached descriptors.
pub(crate) fn receive(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = nix::cmsg_space!([RawFd; FDS_MAX]);
    let mut buffers = [IoSliceMut::new(bytes)];
    let flags = super::platform::RECEIVE_FLAGS;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut buffers, Some(&mut space), flags)?;
    let mut fds = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = control {
            fds.extend(raw.into_iter().map(adopt));
        }
    }
    Ok((message.bytes, fds))
}

fn adopt(raw: RawFd) -> OwnedFd {
    // SAFETY: the kernel returned this descriptor just now, and nothing else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    let _ = fcntl(&fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)); // An open descriptor takes the flag.
    fd
}

/// Duplicates the descriptor of this process's standard input.
pub(crate) fn standard_input() -> io::Result<OwnedFd> {
    io::stdin().as_fd().try_clone_to_owned()
}

/// The result of reaping.
pub(crate) enum Reaped {
    /// A child ended.
    Ended { pid: i32, status: ExitStatus },
    /// There are children, none of which has ended.
    NoneYet,
    /// There is no child left.
    Childless,
}

/// Reaps one child of this process that has ended.
///
/// `nix` is not used here: if a real-time signal ended the child, it reports an error after reaping.
pub(crate) fn reap() -> Reaped {
    let mut status = 0;
    // SAFETY: the pointer is to a living variable.
    match Errno::result(unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) }) {
        Ok(0) => Reaped::NoneYet,
        Ok(pid) => Reaped::Ended { pid, status: ExitStatus::from_raw(status) },
        Err(Errno::EINTR) => reap(),
        Err(_) => Reaped::Childless,
    }
}

/// Waits until one of `fds` is readable or closed, or `timeout` has passed.
pub(crate) fn wait_readable(
    fds: &[BorrowedFd<'_>],
    timeout: Option<Duration>,
) -> io::Result<Vec<bool>> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let mut polled: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match super::platform::poll_once(&mut polled, left) {
            Ok(_) => return Ok(polled.iter().map(|fd| fd.any().unwrap_or(true)).collect()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Sends a signal by number.
pub(crate) fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: `kill` has no memory preconditions.
    Errno::result(unsafe { libc::kill(pid, signal) })?;
    Ok(())
}

/// Locks a file until the last copy of its descriptor is closed. Returns false if it is locked.
///
/// `nix` is not used here: it unlocks the file for all copies when one is dropped.
pub(crate) fn try_lock(file: &File) -> bool {
    // SAFETY: the descriptor is open as long as the file is borrowed.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

/// Returns the number of columns of a terminal, if it reports one.
pub(crate) fn terminal_width(terminal: impl AsRawFd) -> Option<u16> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call writes to a living variable of the type that it is made for.
    let asked = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (asked == 0).then_some(size.ws_col)
}

/// Connects to a Unix socket without waiting: a full backlog is `WouldBlock`.
pub(crate) fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let flags = super::platform::SOCKET_FLAGS;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    fcntl(&socket, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    fcntl(&socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(UnixStream::from(socket))
}
