//! Copies stdin to stdout until it ends, then exits with 0.
//! `mk-cat`

use std::io;

use mirakuru_tests::program;

fn main() -> io::Result<()> {
    program::begin().end();
    io::copy(&mut io::stdin().lock(), &mut io::stdout().lock())?;
    Ok(())
}
