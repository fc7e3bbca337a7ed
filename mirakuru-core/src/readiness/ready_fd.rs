//! A descriptor on which a process writes a line when it is ready.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Readiness};
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::ReadinessFd;
use crate::sys;

/// How long after its descriptors were closed a process may be at its end.
const SETTLE: Duration = Duration::from_millis(50);

pub(super) struct ReadyFd {
    number: i32,
    pipe: Option<File>,
    is_ready: bool,
    /// Whether nothing more comes.
    is_closed: bool,
}

impl ReadyFd {
    pub(super) fn new(number: i32) -> Self {
        Self { number, pipe: None, is_ready: false, is_closed: false }
    }

    /// The process has closed the descriptor, or has ended, which says more.
    fn closed(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        self.is_closed = true;
        let soon = Instant::now() + SETTLE;
        if attempt.client.wait(soon, |state| !state.is_running()).is_some() {
            return Ok(());
        }
        let what =
            format!("will not be ready: it closed descriptor {} without a line", self.number);
        let help = format!("it has to write an end of line first: `echo >&{}`", self.number);
        Err(Error::new(ErrorKind::Failed, what).with_help(help))
    }
}

impl Condition for ReadyFd {
    fn what(&self) -> String {
        format!("a line on descriptor {}", self.number)
    }

    fn listen(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        let channel = || attempt.client.take_readiness_fd(ReadinessFd::Ready).map(File::from);
        self.pipe = self.pipe.take().or_else(channel);
        while let (Some(pipe), false) = (&mut self.pipe, self.is_ready || self.is_closed) {
            let is_readable = sys::wait_readable(&[pipe.as_fd()], Some(Duration::ZERO));
            if !is_readable.is_ok_and(|readable| readable == [true]) {
                return Ok(());
            }
            let mut bytes = [0; 64];
            match pipe.read(&mut bytes).unwrap_or(0) {
                0 => return self.closed(attempt),
                length => self.is_ready = bytes[..length].contains(&b'\n'),
            }
        }
        Ok(())
    }

    fn check(&mut self, _attempt: &Attempt<'_>) -> Result<Readiness> {
        let not_yet = |what: &str| Ok(Readiness::NotYet(what.to_owned()));
        match &self.pipe {
            _ if self.is_ready => Ok(Readiness::Ready),
            _ if self.is_closed => not_yet("it has ended"),
            Some(_) => not_yet("no line was written on it"),
            None => not_yet("the descriptor is not open yet"),
        }
    }

    fn way_out(&self) -> Option<String> {
        let number = self.number;
        Some(format!(
            "is it told to write an end of line to descriptor {number}? In a shell that is \
             `echo >&{number}`"
        ))
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        // What comes later is for nobody, and the end of it would wake up who waits for ever.
        self.pipe.as_ref().filter(|_| !self.is_ready && !self.is_closed).map(AsFd::as_fd)
    }
}
