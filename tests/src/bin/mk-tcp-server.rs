//! Listens on a port after a delay, accepts, and echoes what each client sends.
//! `mk-tcp-server PORT [--delay MS] [--host H] [--no-accept] [--flood BYTES] [--hide] [--share]`
//!
//! `--flood` prints that many bytes before it listens. `--hide` keeps its descriptors from all
//! users but root. `--share` listens on 127.0.0.1 with `SO_REUSEPORT`.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let host = args.value("--host").unwrap_or(String::from("127.0.0.1"));
    let accepts = !args.flag("--no-accept");
    let flood = args.value("--flood").unwrap_or(0);
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
