//! The output of the server: pipes, which the supervisor moves into the log files.
//!
//! The server does not get the files themselves: a program that opens `/dev/stdout` or `/dev/stderr`
//! again would truncate them.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::libc;

use crate::sys;

/// The number of calls that move everything that was in a pipe before. A server that never stops
/// writing cannot stall the supervisor.
const CALLS_AT_ONCE: usize = 64;

/// The pipes for standard output and standard error. If both go to one file, they are one pipe, which
/// keeps the order of the lines.
pub(super) struct OutputPipes {
    stdout: OutputPipe,
    stderr: Option<OutputPipe>,
}

struct OutputPipe {
    read: OwnedFd,
    write: OwnedFd,
    log: File,
    /// The `errno` by which the log could not be written, until it can be written again.
    failure: Option<i32>,
}

impl OutputPipes {
    /// Takes the logs of standard output and standard error, and cuts them to these lengths.
    pub(super) fn new(logs: [File; 2], lengths: [u64; 2]) -> io::Result<Self> {
        for (log, length) in logs.iter().zip(lengths) {
            // When an empty file was cut, ext4 writes it to the disk at its next close, which is that of a reader.
            if log.metadata()?.len() > length {
                let _ = log.set_len(length); // It may be for appending only.
            }
        }
        let [stdout, stderr] = logs;
        let identity = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        let is_same = identity(&stdout)? == identity(&stderr)?;
        let stderr = (!is_same).then(|| OutputPipe::new(stderr)).transpose()?;
        Ok(Self { stdout: OutputPipe::new(stdout)?, stderr })
    }

    /// Returns the standard streams of a server that is about to start.
    pub(super) fn streams(&mut self, stdin: Option<OwnedFd>) -> io::Result<[OwnedFd; 3]> {
        let stdin = stdin.map_or_else(|| File::open("/dev/null").map(OwnedFd::from), Ok)?;
        let stderr = self.stderr.as_mut().unwrap_or(&mut self.stdout).open()?;
        Ok([stdin, self.stdout.open()?, stderr])
    }

    /// Returns the ends that become readable when the server writes.
    pub(super) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.pipes().map(|pipe| pipe.read.as_fd())
    }

    /// Moves what the server has written so far into the log. Returns an `errno` if output begins to
    /// be lost.
    pub(super) fn move_to_log(&mut self) -> Option<i32> {
        let failed = self.stdout.move_to_log();
        let stderr = self.stderr.as_mut().and_then(OutputPipe::move_to_log);
        failed.or(stderr)
    }

    /// Adds a line of the supervisor's own to the log.
    pub(super) fn add_line(&mut self, text: &str) {
        let _ = writeln!(self.stdout.log, "[mirakuru: {text}]"); // The disk may be full.
    }

    fn pipes(&self) -> impl Iterator<Item = &OutputPipe> {
        std::iter::once(&self.stdout).chain(&self.stderr)
    }
}

impl OutputPipe {
    fn new(log: File) -> io::Result<Self> {
        let (read, write) = sys::output_pipe()?;
        sys::share_pipe(&write);
        Ok(Self { read, write, log, failure: None })
    }

    /// Returns a copy of the writing end. The log goes on at its end: it may have been emptied.
    fn open(&mut self) -> io::Result<OwnedFd> {
        self.log.seek(SeekFrom::End(0))?;
        self.write.try_clone()
    }

    fn move_to_log(&mut self) -> Option<i32> {
        for _ in 0..CALLS_AT_ONCE {
            match self.move_once() {
                Ok(0) => return None,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Ok(_) => {}
                Err(error) => return self.lose(&error),
            }
        }
        None
    }

    fn move_once(&mut self) -> io::Result<usize> {
        if let Some(errno) = self.failure.filter(|_| sys::has_bytes(&self.read)) {
            let why = io::Error::from_raw_os_error(errno);
            writeln!(self.log, "\n[mirakuru: output is missing here: {why}]")?;
            self.failure = None;
        }
        sys::move_bytes(&self.read, &mut self.log)
    }

    /// Discards what cannot be logged, so that the server is not blocked. Returns the `errno` if
    /// nothing was lost before.
    fn lose(&mut self, error: &io::Error) -> Option<i32> {
        let _ = (0..CALLS_AT_ONCE).all(|_| sys::discard_bytes(&self.read).is_ok_and(|n| n > 0));
        let errno = error.raw_os_error().unwrap_or(libc::EIO);
        self.failure.replace(errno).is_none().then_some(errno)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn output_that_cannot_be_logged_is_discarded_and_reported_once() {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut output = OutputPipes::new([full(), full()], [0; 2]).unwrap();
        let mut writer = File::from(output.stdout.open().unwrap());
        for failed in [Some(libc::ENOSPC), None] {
            writer.write_all(b"lost\n").unwrap();
            assert_eq!(output.move_to_log(), failed);
            assert!(!sys::has_bytes(&output.stdout.read));
        }
        let path = std::env::temp_dir().join(format!("mirakuru-log-{}", std::process::id()));
        output.stdout.log = File::create(&path).unwrap();
        writer.write_all(b"kept\n").unwrap();
        assert_eq!(output.move_to_log(), None);
        let log = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert!(log.starts_with("\n[mirakuru: output is missing here: No space left"), "{log}");
        assert!(log.ends_with("]\nkept\n"), "{log}");
    }
}
