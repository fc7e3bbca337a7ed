//! Listens on a port after a delay, accepts, and echoes what each client sends.
//! `mk-tcp-server PORT [--delay MS] [--host H] [--no-accept] [--once] [--try] [--flood BYTES] [--hide]
//! [--share]`
//!
//! `--once` serves one client, and ends. `--try` first listens for a moment and closes that socket.
//! `--flood` prints that many bytes before it listens. `--hide` keeps its descriptors from all
//! users but root. `--share` listens on 127.0.0.1 with `SO_REUSEPORT`.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let host = args.value("--host").unwrap_or(String::from("127.0.0.1"));
    let accepts = !args.flag("--no-accept");
    let is_for_one = args.flag("--once");
    let tries = args.flag("--try");
    let flood = args.value("--flood").unwrap_or(0);
    let hides = args.flag("--hide");
    let shares = args.flag("--share");
    let port: u16 = args.positional("PORT");
    args.end();

    program::exit_on_term(|| ());
    if hides {
        #[cfg(target_os = "linux")]
        nix::sys::prctl::set_dumpable(false)?;
    }
    program::flood(io::stdout(), flood)?;
    if tries {
        try_out(&host, port)?;
    }
    program::become_ready(delay)?;
    let listener = match shares {
        true => program::listen_beside_others(port)?,
        false => TcpListener::bind((host.as_str(), port))?,
    };
    say(format_args!("listening on {}", listener.local_addr()?))?;
    if is_for_one {
        echo(&listener.accept()?.0);
        return Ok(());
    }
    if accepts { accept(&listener) } else { sleep_forever() }
}

/// Listens for some milliseconds without a sleep, as a program does that only wants to know whether the
/// port is free.
fn try_out(host: &str, port: u16) -> io::Result<()> {
    let _listener = TcpListener::bind((host, port))?;
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(3) {
        std::hint::spin_loop();
    }
    Ok(())
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
