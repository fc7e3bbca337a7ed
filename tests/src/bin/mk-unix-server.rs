//! Binds a Unix socket at once, opens it only after a delay, then echoes what comes.
//! `mk-unix-server PATH [--delay MS] [--type stream|datagram|seqpacket] [--once | --leave]`
//!
//! `@name` is an abstract name. Datagrams are echoed to their sender. With `--once` it takes one
//! connection and exits after that; with `--leave` it leaves the socket to a child, which lives as long
//! as its input is open, and exits.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use mirakuru_tests::program::{self, fail, say};
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let kind = kind(args.value::<String>("--type"));
    let (is_once, leaves) = (args.flag("--once"), args.flag("--leave"));
    let path: PathBuf = args.positional("PATH");
    args.end();

    let bound = bind(&path, kind)?;
    let to_remove = path.clone();
    program::exit_on_term(move || {
        let _ = fs::remove_file(to_remove); // Its directory may have been removed.
    });
    say(format_args!("bound {}", path.display()))?;
    if kind == SockType::Datagram {
        return echo_datagrams(&UnixDatagram::from(bound));
    }
    program::become_ready(delay)?;
    socket::listen(&bound, Backlog::MAXCONN)?;
    say(format_args!("listening on {}", path.display()))?;
    if leaves {
        let child = Command::new("cat").spawn()?;
        return say(format_args!("child {}", child.id()));
    }
    let listener = UnixListener::from(bound);
    loop {
        let (stream, _) = listener.accept()?;
        if is_once {
            return echo(&stream);
        }
        thread::spawn(move || echo(&stream));
    }
}

fn kind(name: Option<String>) -> SockType {
    match name.as_deref() {
        None | Some("stream") => SockType::Stream,
        Some("datagram") => SockType::Datagram,
        Some("seqpacket") => SockType::SeqPacket,
        Some(other) => fail(format_args!("unknown type {other}")),
    }
}

/// Binds without listening, which std cannot do. A child inherits the socket.
fn bind(path: &Path, kind: SockType) -> io::Result<OwnedFd> {
    if kind == SockType::Datagram {
        program::become_ready(None)?;
    }
    let _ = fs::remove_file(path); // Usually there is none.
    let socket = socket::socket(AddressFamily::Unix, kind, SockFlag::empty(), None)?;
    socket::bind(socket.as_raw_fd(), &address(path)?)?;
    Ok(socket)
}

fn address(path: &Path) -> nix::Result<UnixAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = path.to_str().and_then(|path| path.strip_prefix('@')) {
        return UnixAddr::new_abstract(name.as_bytes());
    }
    UnixAddr::new(path)
}

fn echo(mut stream: &UnixStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match io::Read::read(&mut stream, &mut bytes)? {
            0 => return Ok(()),
            length => io::Write::write_all(&mut stream, &bytes[..length])?,
        }
    }
}

fn echo_datagrams(socket: &UnixDatagram) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let (length, sender) = socket.recv_from(&mut bytes)?;
        if !sender.is_unnamed() {
            let _ = socket.send_to_addr(&bytes[..length], &sender); // The sender may have gone.
        }
    }
}
