//! Accepts on the sockets that are passed to it, and answers each connection with the number of the
//! socket, the value of `LISTEN_FDS` and its process id, after a delay.
//! `mk-activated [--delay MS]`

use std::env;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{FromRawFd, RawFd};
use std::process;
use std::thread;

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    args.end();

    program::exit_on_term(|| ());
    let number = |name: &str| env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    let (count, pid) = (number("LISTEN_FDS").unwrap_or(0), number("LISTEN_PID"));
    say(format_args!("LISTEN_FDS={count}, LISTEN_PID is mine: {}", pid == Some(process::id())))?;
    program::become_ready(delay)?;
    for fd in 3..3 + count as RawFd {
        // SAFETY: `LISTEN_FDS` says that this descriptor was passed to this process.
        let listener = unsafe { TcpListener::from_raw_fd(fd) };
        thread::spawn(move || answer(&listener, fd, count));
    }
    sleep_forever()
}

fn answer(listener: &TcpListener, fd: RawFd, count: u32) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        // The client may be gone: a TCP check does not wait for an answer.
        let _ = writeln!(stream, "{fd} {count} {}", process::id());
    }
}
