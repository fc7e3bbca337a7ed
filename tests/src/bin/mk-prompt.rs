//! Prints `db> ` without an end of line, echoes a line of stdin, and so on until stdin ends.
//! `mk-prompt`

use std::io::{self, Write};

use mirakuru_tests::program;

fn main() -> io::Result<()> {
    program::begin().end();
    program::become_ready(None)?;
    prompt()?;
    for line in io::stdin().lines() {
        println!("{}", line?);
        prompt()?;
    }
    Ok(())
}

fn prompt() -> io::Result<()> {
    print!("db> ");
    io::stdout().flush()
}
