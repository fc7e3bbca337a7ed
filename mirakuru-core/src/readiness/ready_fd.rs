//! A descriptor on which a process writes a line when it is ready.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Explanation, Found, Observed, Poll, Requirements, StartContext, Wake,
};
use super::identity::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::ReadinessFd;
use crate::sys;

/// The time that a process may take to exit after the kernel has closed its descriptors.
const EXIT_LAG: Duration = Duration::from_millis(50);

/// The descriptor's number, as the executor gives it.
#[derive(Debug)]
pub(crate) struct ReadyFdSpec(pub(crate) i32);

impl ConditionSpec for ReadyFdSpec {
    fn key(&self) -> &'static str {
        "ready_fd"
    }

    fn requirements(&self) -> Requirements {
        Requirements { ready_fd: Some(self.0), ..Requirements::default() }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(self.0);
        Ok(())
    }

    fn build(&self, _context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        Ok(Box::new(ReadyFd { number: self.0, pipe: None, has_line: false, is_closed: false }))
    }
}

struct ReadyFd {
    number: i32,
    /// The reading end, once the supervisor has sent it.
    pipe: Option<Arc<File>>,
    has_line: bool,
    is_closed: bool,
}

impl ReadyFd {
    /// Reads what is there to be read.
    fn read(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        while let (Some(pipe), false) = (&self.pipe, self.has_line || self.is_closed) {
            let is_readable = sys::wait_readable(&[pipe.as_fd()], Some(Duration::ZERO));
            if !is_readable.is_ok_and(|readable| readable == [true]) {
                return Ok(());
            }
            let mut bytes = [0; 64];
            match pipe.as_ref().read(&mut bytes).unwrap_or(0) {
                0 => return self.closed(attempt),
                length => self.has_line = bytes[..length].contains(&b'\n'),
            }
        }
        Ok(())
    }

    /// Fails if the process closed the descriptor and goes on running. If it exited, its exit status
    /// says more.
    fn closed(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        self.is_closed = true;
        let soon = Instant::now() + EXIT_LAG;
        if attempt.client.wait(soon, |state| !state.is_running()).is_some() {
            return Ok(());
        }
        let number = self.number;
        let what = format!("will not be ready: it closed descriptor {number} without a line");
        let help = format!("it has to write an end of line first: `echo >&{number}`");
        Err(Error::new(ErrorKind::Failed, what).with_help(help))
    }
}

impl Condition for ReadyFd {
    fn describe(&self) -> String {
        format!("a line on descriptor {}", self.number)
    }

    fn poll(&mut self, _attempt: &Attempt<'_>) -> Result<Poll> {
        Ok(match &self.pipe {
            _ if self.has_line => Poll::Ready(Found::default()),
            _ if self.is_closed => Poll::pending("it has ended"),
            Some(_) => Poll::Pending {
                seen: "no line was written on it".to_owned(),
                wake: Wake::Announced,
            },
            None => Poll::pending("the descriptor is not open yet"),
        })
    }

    fn observe(&mut self, attempt: &Attempt<'_>) -> Result<Observed> {
        let received = || attempt.client.take_readiness_fd(ReadinessFd::Ready).map(File::from);
        self.pipe = self.pipe.take().or_else(|| received().map(Arc::new));
        self.read(attempt)?;
        // Nothing that comes later counts, and a closed pipe would wake the wait again and again.
        let pipe = self.pipe.clone().filter(|_| !self.has_line && !self.is_closed);
        Ok(Observed { fd: pipe.map(|pipe| pipe as _), extended_until: None })
    }

    fn explain(&self) -> Explanation {
        let number = self.number;
        let help = format!(
            "does it know that it has to write an end of line to descriptor {number}? In a shell \
             that is `echo >&{number}`"
        );
        Explanation { seen: None, help: Some(help) }
    }
}
