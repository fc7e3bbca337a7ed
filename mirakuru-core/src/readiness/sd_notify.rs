//! What a process says of itself as `sd_notify` does.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use super::{Attempt, Condition, Readiness, ownership};
use crate::diagnostics::port_owner;
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::{ReadinessFd, Request};
use crate::sys;

/// More than a message has, which is a few lines.
const MESSAGE_MAX: usize = 4096;

#[derive(Default)]
pub(super) struct Notify {
    socket: Option<OwnedFd>,
    is_ready: bool,
    status: Option<String>,
    errno: Option<i32>,
    extended: Option<Instant>,
    /// Why the last message did not count.
    refused: Option<String>,
}

impl Notify {
    fn take(&mut self, line: &str, attempt: &Attempt<'_>) {
        match line.split_once('=') {
            Some(("READY", "1")) => self.is_ready = true,
            Some(("STATUS", status)) => self.status = Some(status.to_owned()),
            Some(("ERRNO", number)) => {
                self.errno = number.parse().ok().filter(|errno| *errno != 0);
            }
            Some(("EXTEND_TIMEOUT_USEC", micros)) => {
                let more = micros.parse().ok().map(Duration::from_micros);
                self.extended = more.map(sys::deadline_after).or(self.extended);
            }
            Some(("MAINPID", pid)) => {
                if let Ok(pid) = pid.parse() {
                    let _ = attempt.client.request(Request::Main(pid)); // It ends by itself if that is gone.
                }
            }
            _ => {}
        }
    }

    fn failure(&self, errno: i32) -> Error {
        let why = std::io::Error::from_raw_os_error(errno);
        let status = self.status.iter().map(|status| format!("; its status is `{status}`"));
        let status: String = status.collect();
        let what = format!("will not be ready: it told by sd_notify that it failed: {why}{status}");
        Error::new(ErrorKind::Failed, what)
    }

    fn last(&self) -> String {
        match (&self.status, &self.refused) {
            (Some(status), _) => format!("its status is `{status}`"),
            (None, Some(refused)) => format!("somebody spoke, but {refused}"),
            (None, None) => "it has not said anything".to_owned(),
        }
    }
}

impl Condition for Notify {
    fn what(&self) -> String {
        "READY=1 by sd_notify".to_owned()
    }

    fn listen(&mut self, attempt: &Attempt<'_>) -> Result<()> {
        self.socket =
            self.socket.take().or_else(|| attempt.client.take_readiness_fd(ReadinessFd::Notify));
        let mut bytes = [0; MESSAGE_MAX];
        for _ in 0..sys::DATAGRAMS_AT_ONCE {
            let Some(socket) = &self.socket else { break };
            let Ok((length, sender)) = sys::receive_datagram(socket.as_fd(), &mut bytes) else {
                break;
            };
            // One that has ended already cannot be judged, as `systemd-notify` often has.
            let is_ours = sender.is_none_or(|pid| ownership::is_one_of_ours(pid, attempt.client));
            let text = String::from_utf8_lossy(&bytes[..length]);
            match sender.filter(|_| !is_ours) {
                Some(pid) => {
                    self.refused =
                        Some(format!("{} is not one of its own", port_owner::describe(pid)));
                }
                None => text.lines().for_each(|line| self.take(line, attempt)),
            }
        }
        self.errno.map_or(Ok(()), |errno| Err(self.failure(errno)))
    }

    fn check(&mut self, _attempt: &Attempt<'_>) -> Result<Readiness> {
        Ok(if self.is_ready { Readiness::Ready } else { Readiness::NotYet(self.last()) })
    }

    fn way_out(&self) -> Option<String> {
        (self.status.is_none() && self.refused.is_none()).then(|| {
            "does it speak sd_notify, and is it told to (`redis-server --supervised systemd`)? A \
             shell in front of it has to `exec` it or hand on `NOTIFY_SOCKET`"
                .to_owned()
        })
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    fn extended(&self) -> Option<Instant> {
        self.extended
    }
}
