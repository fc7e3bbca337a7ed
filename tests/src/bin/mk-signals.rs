//! Prints `ready`, then the name of each signal; SIGTERM ends it unless ignored.
//! `mk-signals [--ignore TERM,INT] [--exit-on SIG] [--exit CODE] [--stop-ms MS]`

use std::io;
use std::process;
use std::str::FromStr;

use mirakuru_tests::program::{self, Signals, StartLog, say};
use nix::sys::signal::Signal;

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let ignored = args.value::<String>("--ignore").unwrap_or_default();
    let exit_on = args.value("--exit-on").unwrap_or(String::from("TERM"));
    let code = args.value("--exit").unwrap_or(0);
    let stop_ms = args.value("--stop-ms");
    args.end();

    let ignored: Vec<Signal> = ignored.split_terminator(',').map(named).collect();
    let exit_on = named(&exit_on);
    let signals = Signals::catchable().block();
    say("ready")?;
    loop {
        let signal = signals.wait();
        if ignored.contains(&signal) {
            say(format_args!("{signal} ignored"))?;
            continue;
        }
        say(signal)?;
        if signal == exit_on {
            program::pause(stop_ms);
            StartLog::from_env().stopped();
            process::exit(code);
        }
    }
}

/// `TERM` or `SIGTERM`.
fn named(name: &str) -> Signal {
    let full = format!("SIG{}", name.trim_start_matches("SIG"));
    Signal::from_str(&full).unwrap_or_else(|_| program::fail(format_args!("`{name}` is no signal")))
}
