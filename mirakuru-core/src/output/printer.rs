//! Prints what servers write, as it comes: on standard error if `MIRAKURU_LOG` has `output`, on standard
//! output for a stack in the foreground.
//!
//! One thread reads the logs of all servers that this process has started. Neither they nor their
//! supervisors wait for it.

use std::path::{Path, PathBuf};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::files::LogFiles;
use super::follower::read_part;
use super::terminal;
use crate::diagnostics::{progress, settings, stdout};
use crate::supervisor::{Client, call_after_stops};
use crate::sys;

/// The interval at which the logs are looked at.
const STEP: Duration = Duration::from_millis(20);

/// The number of bytes that are read at once. A longer line is printed in parts.
const CHUNK: u64 = 64 * 1024; // 64 KiB

/// How long the exit of this process may be delayed by what was not printed yet.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

static FOLLOWED: Mutex<Vec<Followed>> = Mutex::new(Vec::new());
static ADDED: Condvar = Condvar::new();

/// A log of which each line is printed.
struct Followed {
    name: String,
    /// What stands before each line.
    prefix: String,
    to_stdout: bool,
    path: PathBuf,
    /// What was printed of it.
    offset: u64,
    supervisor: Option<sys::Process>,
    /// The process that prints it. A fork of that has a copy of this.
    owner: u32,
}

/// The logs of a server that is about to start.
pub(crate) struct Unfollowed(Vec<Followed>);

/// Returns the logs of a server, to print what it will write: on standard output if it has a prefix, on
/// standard error if the user wants that.
pub(crate) fn prepare(name: &str, prefix: Option<&str>, files: &LogFiles) -> Unfollowed {
    let is_printed = prefix.is_some() || settings::prints_output();
    let logs = files.paths().zip(files.lengths()).filter(|_| is_printed);
    let name = name.replace(char::is_control, " ");
    let followed = |(path, offset): (&Path, u64)| Followed {
        name: name.clone(),
        prefix: prefix.map_or_else(|| format!("{name} | "), str::to_owned),
        to_stdout: prefix.is_some(),
        path: path.to_owned(),
        offset,
        supervisor: None,
        owner: std::process::id(),
    };
    Unfollowed(logs.map(followed).collect())
}

impl Unfollowed {
    /// Begins to print, until the supervisor has ended.
    pub(crate) fn follow(self, client: &Client) {
        static THREAD: Once = Once::new();
        if self.0.is_empty() {
            return;
        }
        THREAD.call_once(|| {
            call_after_stops(finish);
            // Without the thread, all is printed at the end.
            let _ = thread::Builder::new().name("mirakuru-output".to_owned()).spawn(run);
        });
        let mut followed = FOLLOWED.lock();
        for mut log in self.0 {
            log.supervisor = client.info().process();
            match followed.iter_mut().find(|before| before.path == log.path) {
                Some(before) => before.supervisor = log.supervisor,
                None => followed.push(log),
            }
        }
        ADDED.notify_one();
    }
}

fn run() {
    let mut followed = FOLLOWED.lock();
    loop {
        if followed.is_empty() {
            ADDED.wait(&mut followed);
        } else {
            ADDED.wait_for(&mut followed, STEP);
        }
        followed.retain_mut(|log| {
            // Asked before the log is read, which is complete when the supervisor has ended.
            let has_ended = log.supervisor.as_ref().is_none_or(|it| !it.is_alive());
            !(log.print(has_ended, None) && has_ended)
        });
    }
}

/// Prints the rest when this process exits.
fn finish() {
    print_rest(|_| true, Instant::now() + EXIT_TIMEOUT);
}

/// Prints the rest of what goes to standard output.
pub(crate) fn finish_stdout() {
    let deadline = Instant::now() + EXIT_TIMEOUT;
    print_rest(|log| log.to_stdout, deadline);
    stdout::wait(deadline);
}

fn print_rest(is_meant: impl Fn(&Followed) -> bool, deadline: Instant) {
    // A fork may have a copy of a locked lock.
    let Some(mut followed) = FOLLOWED.try_lock_for(EXIT_TIMEOUT) else { return };
    followed.retain(|log| log.owner == std::process::id());
    followed.retain_mut(|log| {
        let is_meant = is_meant(log);
        if is_meant {
            log.print(true, Some(deadline));
        }
        !is_meant
    });
}

impl Followed {
    /// Prints all lines that are new. The last one may be unfinished if the log does not grow any more.
    /// Returns false if standard output takes no more at the moment.
    fn print(&mut self, is_last: bool, deadline: Option<Instant>) -> bool {
        let length = self.path.metadata().map_or(0, |meta| meta.len());
        self.offset = self.offset.min(length); // It may have been emptied.
        while self.offset < length {
            if self.to_stdout && !stdout::wait(deadline.unwrap_or_else(Instant::now)) {
                return false;
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                let (name, path) = (&self.name, self.path.display());
                progress::print(&format!("the rest of the output of {name} is in {path}"));
                return true;
            }
            let bytes = read_part(&self.path, self.offset, CHUNK).unwrap_or_default();
            let end = end_of_lines(&bytes, is_last);
            if end == 0 {
                return true;
            }
            self.offset += end as u64;
            let lines = with_prefix(&self.prefix, &bytes[..end]);
            let print = if self.to_stdout { stdout::print } else { progress::print_output };
            print(&lines);
        }
        true
    }
}

/// Returns how many of the bytes are whole lines, or the whole if its only line is too long or the last.
fn end_of_lines(bytes: &[u8], is_last: bool) -> usize {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
    let is_printed = is_last || bytes.len() as u64 == CHUNK;
    end.or(is_printed.then_some(bytes.len())).unwrap_or(0)
}

fn with_prefix(prefix: &str, bytes: &[u8]) -> String {
    terminal::lines(bytes).iter().map(|line| format!("{prefix}{}\n", line.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_unless_they_are_too_long_or_the_last() {
        assert_eq!(end_of_lines(b"one\ntwo\nthr", false), 8);
        assert_eq!(end_of_lines(b"thr", false), 0);
        assert_eq!(end_of_lines(b"thr", true), 3);
        assert_eq!(end_of_lines(&vec![b'x'; CHUNK as usize], false), CHUNK as usize);
    }

    #[test]
    fn each_line_has_the_prefix_and_no_control_sequences() {
        let shown = with_prefix("redis | ", b"\x1b[31mred\x1b[0m\n\n10 %\r20 %\nrest");
        assert_eq!(shown, "redis | red\nredis | \nredis | 10 %\nredis | 20 %\nredis | rest\n");
    }
}
