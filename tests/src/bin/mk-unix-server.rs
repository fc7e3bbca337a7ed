//! Binds a Unix socket at once, listens only after a delay, then accepts and echoes.
//! `mk-unix-server PATH [--delay MS]`

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

use mirakuru_tests::program::{self, say};
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let path: PathBuf = args.positional("PATH");
    args.end();

    let bound = bind(&path)?;
    let to_remove = path.clone();
    program::exit_on_term(move || {
        let _ = fs::remove_file(to_remove); // Its directory may have been removed.
    });
    say(format_args!("bound {}", path.display()))?;
    program::become_ready(delay)?;
    socket::listen(&bound, Backlog::MAXCONN)?;
    say(format_args!("listening on {}", path.display()))?;

    let listener = UnixListener::from(bound);
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || echo(&stream));
    }
}

/// Binds without listening, which std cannot do.
fn bind(path: &Path) -> io::Result<OwnedFd> {
    let _ = fs::remove_file(path); // Usually there is none.
    let socket = socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None)?;
    socket::bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(socket)
}

fn echo(mut stream: &UnixStream) {
    let _ = io::copy(&mut &*stream, &mut stream); // The client may go at any time.
}
