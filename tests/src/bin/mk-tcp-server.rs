//! Listens after a delay, accepts and echoes; prints so many bytes of lines before, if asked.
//! `mk-tcp-server PORT [--delay MS] [--host H | --v6only] [--accept no] [--flood BYTES]
//! [--exit-after-ms MS] [--hide] [--share]`; `--v6only` is `--host ::1`, the exit is with code 1, of
//! who hides nobody but root sees the descriptors, and to share is to listen on `127.0.0.1` with
//! `SO_REUSEPORT`.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process;
use std::thread;

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let default_host = if args.flag("--v6only") { "::1" } else { "127.0.0.1" };
    let host = args.value("--host").unwrap_or(String::from(default_host));
    let accepts = args.value::<String>("--accept").is_none_or(|yes| yes != "no");
    let flood = args.value("--flood").unwrap_or(0);
    let exit_after = args.value("--exit-after-ms");
    let hides = args.flag("--hide");
    let shares = args.flag("--share");
    let port: u16 = args.positional("PORT");
    args.end();

    program::exit_on_term(|| ());
    if hides {
        nix::sys::prctl::set_dumpable(false)?;
    }
    program::flood(io::stdout(), flood)?;
    program::become_ready(delay)?;
    let listener = match shares {
        true => program::listen_beside_others(port)?,
        false => TcpListener::bind((host.as_str(), port))?,
    };
    say(format_args!("listening on {}", listener.local_addr()?))?;
    if exit_after.is_some() {
        thread::spawn(move || crash_after(exit_after));
    }
    if accepts { accept(&listener) } else { sleep_forever() }
}

fn accept(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || echo(&stream));
    }
}

fn echo(mut stream: &TcpStream) {
    let _ = io::copy(&mut &*stream, &mut stream); // The client may go at any time.
}

fn crash_after(millis: Option<u64>) {
    program::pause(millis);
    process::exit(1);
}
