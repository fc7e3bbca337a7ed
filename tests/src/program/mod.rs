//! Helpers of the programs in `src/bin`.

mod args;
pub mod http;
mod signals;
mod start_log;

use std::env;
use std::fs;
use std::io::{self, Write};
use std::net::{SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

#[cfg(target_os = "illumos")]
use nix::sys::socket::sockopt::ReuseAddr as ReusePort; // `nix` has no other one there.
#[cfg(not(target_os = "illumos"))]
use nix::sys::socket::sockopt::ReusePort;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
    sockopt,
};

pub use args::{Args, fail};
pub use signals::{Signals, sleep_forever};
pub use start_log::StartLog;

/// The longest life of a program, so that a bug cannot leave one behind for ever.
const LIFE: u32 = 300; // seconds

/// Begins a program: limits its life, writes the start log, returns the arguments.
pub fn begin() -> Args {
    limit_life();
    StartLog::from_env().started();
    Args::from_env()
}

/// Makes the kernel end this process after five minutes. An exec keeps the alarm, a fork does not.
pub fn limit_life() {
    nix::unistd::alarm::set(LIFE);
}

/// Makes SIGTERM end this process with the last words, a line in the stop log, and code 0.
///
/// Call it before other threads start, and after starting children that SIGTERM has to end.
pub fn exit_on_term(last_words: impl FnOnce() + Send + 'static) {
    let term = Signals::term().block();
    thread::spawn(move || {
        term.wait();
        last_words();
        StartLog::from_env().stopped();
        process::exit(0)
    });
}

/// Appends a line to the file in `EVENTS`, in one write, if it is set.
pub fn note(event: &str) {
    let Some(path) = env::var_os("EVENTS") else { return };
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    let written = file.and_then(|mut file| file.write_all(format!("{event}\n").as_bytes()));
    written.unwrap_or_else(|error| fail(format_args!("EVENTS: {error}")));
}

/// Sleeps for the milliseconds of an option: some programs have to be slow.
pub fn pause(millis: Option<u64>) {
    thread::sleep(Duration::from_millis(millis.unwrap_or(0)));
}

/// The environment variable that names the file that a program writes when it becomes ready.
pub const READY_MARK: &str = "READY_MARK";

/// The least time before a mark: a start that does not wait returns earlier.
const BEFORE_MARK: u64 = 50; // milliseconds

/// Waits for the milliseconds of an option, then writes the file that `READY_MARK` names, if set.
/// Call it right before the act that makes the program ready.
pub fn become_ready(delay: Option<u64>) -> io::Result<()> {
    match env::var_os(READY_MARK) {
        Some(mark) => {
            pause(Some(delay.unwrap_or(0).max(BEFORE_MARK)));
            fs::write(mark, "")
        }
        None => {
            pause(delay);
            Ok(())
        }
    }
}

/// Prints one line and flushes it.
pub fn say(line: impl std::fmt::Display) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Listens on a port of 127.0.0.1 with `SO_REUSEPORT`.
pub fn listen_beside_others(port: u16) -> io::Result<TcpListener> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    setsockopt(&socket, ReusePort, &true)?;
    let address = SocketAddrV4::new([127, 0, 0, 1].into(), port);
    bind(socket.as_raw_fd(), &SockaddrIn::from(address))?;
    listen(&socket, Backlog::new(16)?)?;
    Ok(socket.into())
}

/// Binds a UDP port of 127.0.0.1 with `SO_REUSEPORT`.
pub fn bind_beside_others(port: u16) -> io::Result<UdpSocket> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), None)?;
    setsockopt(&socket, ReusePort, &true)?;
    let address = SocketAddrV4::new([127, 0, 0, 1].into(), port);
    bind(socket.as_raw_fd(), &SockaddrIn::from(address))?;
    Ok(socket.into())
}

/// Writes lines of 80 characters until that many bytes are written; the last line may be shorter.
pub fn flood(to: impl Write, bytes: usize) -> io::Result<()> {
    const LINE: &[u8; 81] = &{
        let mut line = [b'x'; 81];
        line[80] = b'\n';
        line
    };
    let mut to = io::BufWriter::with_capacity(64 * 1024, to);
    for _ in 0..bytes / LINE.len() {
        to.write_all(LINE)?;
    }
    let rest = bytes % LINE.len();
    to.write_all(&LINE[LINE.len() - rest..])?;
    to.flush()
}

/// Writes this process's id to the file, which is never seen empty.
pub fn write_pid_file(path: &Path) -> io::Result<()> {
    let mut unfinished = path.to_owned().into_os_string();
    unfinished.push(".new");
    fs::write(&unfinished, format!("{}\n", process::id()))?;
    fs::rename(&unfinished, path)
}
