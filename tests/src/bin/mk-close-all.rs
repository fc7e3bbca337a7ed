//! Prints `closing`, closes all its descriptors including 0 to 2, and waits for SIGTERM.
//! `mk-close-all`

use std::io;

use mirakuru_tests::program::{self, say, sleep_forever};

/// Higher than any descriptor of a program here.
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
