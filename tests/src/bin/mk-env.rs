//! Prints its directory, then its environment sorted, and exits or stays.
//! `mk-env [--stay]`; with `--stay` it prints `ready` and waits for SIGTERM.

use std::env;
use std::ffi::OsString;
use std::io;

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let stays = args.flag("--stay");
    args.end();

    program::exit_on_term(|| ());
    say(env::current_dir()?.display())?;
    let mut variables: Vec<(OsString, OsString)> = env::vars_os().collect();
    variables.sort();
    for (name, value) in variables {
        say(format_args!("{}={}", name.to_string_lossy(), value.to_string_lossy()))?;
    }
    if stays {
        say("ready")?;
        sleep_forever()
    }
    Ok(())
}
