//! Prints its open descriptors above 2, one `N -> TARGET` a line, and exits or stays.
//! `mk-fds [--stay]`; with `--stay` it prints `ready` and waits for SIGTERM.

use std::fs;
use std::io;

use mirakuru_tests::program::{self, say, sleep_forever};

fn main() -> io::Result<()> {
    let mut args = program::begin();
    let stays = args.flag("--stay");
    args.end();

    program::exit_on_term(|| ());
    for descriptor in descriptors()? {
        // The descriptor that read the directory is closed by now and has no target.
        if let Ok(target) = fs::read_link(format!("/proc/self/fd/{descriptor}")) {
            say(format_args!("{descriptor} -> {}", target.display()))?;
        }
    }
    if stays {
        say("ready")?;
        sleep_forever()
    }
    Ok(())
}

fn descriptors() -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let name = entry?.file_name().to_string_lossy().parse();
        found.push(name.expect("descriptors are numbers"));
    }
    found.retain(|descriptor| *descriptor > 2);
    found.sort_unstable();
    Ok(found)
}
