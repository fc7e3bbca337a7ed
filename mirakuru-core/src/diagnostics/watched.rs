//! Standard error of nextest, where its user looks while the tests run. Nextest captures that of the
//! tests, and shows it only when one has failed.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::parent_id;
use std::sync::LazyLock;

use nix::libc::{O_NOCTTY, O_NONBLOCK};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};

use crate::diagnostics::runner;
use crate::diagnostics::settings::{self, LogLevel};
use crate::sys;

/// The most lines of its progress bar that name tests: eight tests, and one line for the rest.
const TESTS_IN_BAR: usize = 9;

static STDERR: LazyLock<Option<File>> = LazyLock::new(|| {
    let is_wanted = settings::log_level() != LogLevel::Off;
    is_wanted.then(|| stderr_of(runner::noted_nextest()?.pid)).flatten()
});

/// Writes a line there, if standard error of this process is captured. Returns false if it is not.
pub(super) fn print(line: &str) -> bool {
    let Some(mut stderr) = STDERR.as_ref() else { return false };
    let text = match sys::terminal_width(stderr.as_raw_fd()) {
        Some(width) => above_the_bar(line, width.into()),
        None => format!("{line}\n"),
    };
    // A terminal may stop processes in the background that write to it (`stty tostop`).
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTTOU);
    let former = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK);
    let _ = stderr.write_all(text.as_bytes()); // A reader may have stopped.
    let _ = former.map(|former| former.thread_set_mask());
    true
}

/// Returns what inserts a line above nextest's progress bar, whose last line has the cursor. Where that
/// is lower than it can be, the line stands further up.
fn above_the_bar(line: &str, width: usize) -> String {
    let threads = std::env::var("NEXTEST_TEST_THREADS").ok().and_then(|it| it.parse().ok());
    let tests = threads.unwrap_or(1usize).min(TESTS_IN_BAR);
    let line = cut(line, width.saturating_sub(1));
    // The next line, which may scroll; save it; up to the bar; insert; back.
    format!("\n\x1b7\x1b[{}A\r\x1b[L{line}\x1b8", tests + 1)
}

/// Cuts the end of a text that has more characters than this, and shows that it did.
pub(super) fn cut(text: &str, n_chars: usize) -> String {
    if text.chars().count() <= n_chars {
        return text.to_owned();
    }
    text.chars().take(n_chars.saturating_sub(1)).chain(['…']).take(n_chars).collect()
}

/// Opens standard error of the parent process, if a person or a log gets it, and this process writes
/// to another one.
fn stderr_of(pid: i32) -> Option<File> {
    if parent_id() as i32 != pid {
        return None; // What a test starts is the matter of that test.
    }
    let file = OpenOptions::new()
        .append(true)
        .custom_flags(O_NOCTTY | O_NONBLOCK)
        .open(format!("/proc/{pid}/fd/2"))
        .ok()?;
    let theirs = file.metadata().ok()?;
    let own = std::fs::metadata("/proc/self/fd/2").ok()?;
    let is_captured = (theirs.dev(), theirs.ino()) != (own.dev(), own.ino());
    let is_watched = file.is_terminal() || theirs.file_type().is_fifo();
    (is_captured && is_watched).then_some(file)
}
