//! Sends each MESSAGE to the socket that `NOTIFY_SOCKET` names, and waits for SIGTERM.
//! `mk-notify [--by-child | --is-child] [--flood N] MESSAGE…`
//!
//! In a message, `\n` is an end of line and `{pid}` the process id; `pause=MS` is a pause instead.
//! With `--by-child` a child sends them and exits. `--flood` then sends N messages more.

use std::env;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::process::{self, Command};

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let by_child = args.flag("--by-child");
    let is_child = args.flag("--is-child");
    let flood = args.value("--flood").unwrap_or(0);
    let messages = args.rest();

    program::exit_on_term(|| ());
    if by_child {
        let mut child = Command::new(env::current_exe()?);
        child.arg("--is-child").args(&messages).spawn()?.wait()?;
    } else {
        messages.iter().try_for_each(|message| send(message))?;
    }
    if is_child {
        return Ok(());
    }
    for _ in 0..flood {
        send("STATUS=still here")?;
    }
    say("sent all")?;
    sleep_forever()
}

fn send(message: &str) -> io::Result<()> {
    if let Some(millis) = message.strip_prefix("pause=") {
        program::pause(millis.parse().ok());
        return Ok(());
    }
    let path = env::var_os("NOTIFY_SOCKET").ok_or(io::ErrorKind::NotFound)?;
    if message.split("\\n").any(|field| field == "READY=1") {
        program::become_ready(None)?;
    }
    let pid = process::id().to_string();
    let message = message.replace("\\n", "\n").replace("{pid}", &pid);
    UnixDatagram::unbound()?.send_to(message.as_bytes(), path).map(drop)
}
