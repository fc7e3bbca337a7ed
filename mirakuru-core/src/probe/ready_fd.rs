//! A descriptor on which a process writes a line when it is ready.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Readiness};
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::Channel;
use crate::sys;

/// How long after its descriptors were closed a process may be at its end.
const SETTLE: Duration = Duration::from_millis(50);

pub(super) struct ReadyFd {
    number: i32,
    pipe: Option<File>,
    is_ready: bool,
}

impl ReadyFd {
    pub(super) fn new(number: i32) -> Self {
        Self { number, pipe: None, is_ready: false }
    }

    /// The process has closed the descriptor, or has ended, which says more.
    fn closed(&self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let soon = Instant::now() + SETTLE;
        if attempt.client.wait(soon, |state| !state.is_running()).is_some() {
            return Ok(Readiness::NotYet("it has ended".to_owned()));
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

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        let channel = || attempt.client.take_channel(Channel::Ready).map(File::from);
        self.pipe = self.pipe.take().or_else(channel);
        while let (Some(pipe), false) = (&mut self.pipe, self.is_ready) {
            let is_readable = sys::wait_readable(&[pipe.as_fd()], Some(Duration::ZERO));
            if !is_readable.is_ok_and(|readable| readable == [true]) {
                return Ok(Readiness::NotYet("nothing was written on it".to_owned()));
            }
            let mut bytes = [0; 64];
            match pipe.read(&mut bytes).unwrap_or(0) {
                0 => return self.closed(attempt),
                length => self.is_ready = bytes[..length].contains(&b'\n'),
            }
        }
        Ok(if self.is_ready {
            Readiness::Ready
        } else {
            Readiness::NotYet("the descriptor is not open yet".to_owned())
        })
    }

    fn way_out(&self) -> Option<String> {
        let number = self.number;
        Some(format!(
            "is it told to write an end of line to descriptor {number}? In a shell that is \
             `echo >&{number}`"
        ))
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }
}
