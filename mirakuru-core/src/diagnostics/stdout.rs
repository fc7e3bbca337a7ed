//! Standard output of a program that shows what its servers write. Nothing waits for its reader, which
//! may have stopped reading, or be gone.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::progress;
use crate::sys;

/// A pipe that is writable takes so many bytes at once.
const PART: usize = 4096; // 4 KiB, the least PIPE_BUF that is usual

static QUEUE: Mutex<Queue> =
    Mutex::new(Queue { bytes: Vec::new(), stdout: None, is_closed: false });

struct Queue {
    /// What was not written yet.
    bytes: Vec<u8>,
    stdout: Option<File>,
    is_closed: bool,
}

/// Prints whole lines, now or when standard output takes them.
pub(crate) fn print(lines: &str) {
    let mut queue = QUEUE.lock();
    queue.bytes.extend_from_slice(lines.as_bytes());
    queue.write();
}

/// Waits until all was written. Returns false at the deadline.
pub(crate) fn wait(deadline: Instant) -> bool {
    loop {
        let mut queue = QUEUE.lock();
        queue.write();
        let is_written = queue.bytes.is_empty();
        drop(queue);
        if is_written || Instant::now() >= deadline {
            return is_written;
        }
        let _ = sys::wait_readable(&[], Some(Duration::from_millis(1))); // Nothing is polled.
    }
}

/// Returns true if its reader is gone.
pub(crate) fn is_closed() -> bool {
    let mut queue = QUEUE.lock();
    queue.is_closed |= sys::is_closed(io::stdout().as_fd());
    queue.is_closed
}

impl Queue {
    /// Writes as much as can be written without waiting.
    fn write(&mut self) {
        if self.stdout.is_none() {
            let _ = io::stdout().flush(); // What the program has printed comes first.
            self.stdout = sys::standard_fd(1).ok().map(File::from);
        }
        let Some(stdout) = &self.stdout else { return self.bytes.clear() };
        while !self.bytes.is_empty() && !self.is_closed && is_writable(stdout) {
            match progress::write_to_stdout(stdout, part(&self.bytes)) {
                Ok(length) => drop(self.bytes.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.is_closed = true,
            }
        }
        if self.is_closed {
            self.bytes.clear();
        }
    }
}

fn is_writable(stdout: &File) -> bool {
    let ready = sys::wait_ready(&[], &[stdout.as_fd()], Some(Duration::ZERO));
    ready.is_ok_and(|ready| ready == [true])
}

/// Returns the first lines, or a part of the first if that is too long.
fn part(bytes: &[u8]) -> &[u8] {
    let part = &bytes[..bytes.len().min(PART)];
    part.iter().rposition(|byte| *byte == b'\n').map_or(part, |end| &part[..=end])
}
