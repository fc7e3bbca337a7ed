//! Hops from process to process: every 5 ms it forks, and the parent exits with 0.
//! `mk-forker [--every-ms MS]`; ends after 60 s or 3000 hops, because each may leave pid 1 a
//! zombie.

use std::io;
use std::process;
use std::time::{Duration, Instant};

use mirakuru_tests::program::{self, say};
use nix::unistd::{ForkResult, fork};

const LONGEST: Duration = Duration::from_secs(60);
const MOST_HOPS: usize = 3000;

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let every = args.value("--every-ms").unwrap_or(5);
    args.end();

    let end = Instant::now() + LONGEST;
    say("hopping")?;
    for _ in 0..MOST_HOPS {
        if Instant::now() >= end {
            break;
        }
        hop()?;
        program::pause(Some(every));
    }
    Ok(())
}

fn hop() -> io::Result<()> {
    // SAFETY: this program has one thread.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => process::exit(0),
        ForkResult::Child => Ok(()),
    }
}
