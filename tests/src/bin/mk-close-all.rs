//! Prints `closing`, closes all its descriptors, 0 to 2 as well, and waits for SIGTERM.
//! `mk-close-all`

use std::io;

use mirakuru_tests::program::{self, say, sleep_forever};

/// More than any program here was ever given.
const HIGHEST: i32 = 1024;

fn main() -> io::Result<()> {
    program::begin().end();
    program::exit_on_term(|| ());
    say("closing")?;
    for descriptor in 0..=HIGHEST {
        let _ = nix::unistd::close(descriptor); // Most of them are not open.
    }
    sleep_forever()
}
