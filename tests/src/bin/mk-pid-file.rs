//! Writes its pid file after a delay, or creates it empty; removes it on SIGTERM.
//! `mk-pid-file PATH [--delay MS] [--empty]`

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use mirakuru_tests::program;

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let delay = args.value("--delay");
    let empty = args.flag("--empty");
    let path: PathBuf = args.positional("PATH");
    args.end();

    let to_remove = path.clone();
    program::exit_on_term(move || {
        let _ = fs::remove_file(to_remove); // It does not exist during the delay.
    });
    program::become_ready(delay)?;
    if empty {
        File::create(&path)?;
    } else {
        program::write_pid_file(&path)?;
    }
    program::sleep_forever()
}
