//! Messages of `sd_notify`.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Explanation, Found, Observed, Poll, Requirements, StartContext, Wake,
};
use super::identity::Identity;
use crate::diagnostics::port_owner;
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::{ReadinessFd, Request};
use crate::sys;

/// The size of the buffer for a message. Messages are a few lines long.
const MESSAGE_MAX: usize = 4096; // 4 KiB

/// Has nothing to say: the supervisor chooses the path of the socket.
#[derive(Debug)]
pub(crate) struct NotifySpec;

impl ConditionSpec for NotifySpec {
    fn key(&self) -> &'static str {
        "notify"
    }

    fn requirements(&self) -> Requirements {
        Requirements { notify_socket: true, ..Requirements::default() }
    }

    fn identify(&self, _identity: &mut Identity) -> Result<()> {
        Ok(())
    }

    fn build(&self, _context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        Ok(Box::new(Notify::default()))
    }
}

#[derive(Default)]
struct Notify {
    /// The socket, once the supervisor has sent it.
    socket: Option<Arc<OwnedFd>>,
    is_ready: bool,
    status: Option<String>,
    errno: Option<i32>,
    extended_until: Option<Instant>,
    /// Why the last message of another process did not count.
    refused: Option<String>,
}

impl Notify {
    /// Reads one message. Returns false if there was none.
    fn receive(&mut self, attempt: &Attempt<'_>) -> bool {
        let mut bytes = [0; MESSAGE_MAX];
        let Some(socket) = &self.socket else { return false };
        let Ok((length, sender)) = sys::receive_datagram(socket.as_fd(), &mut bytes) else {
            return false;
        };
        // `systemd-notify` has often exited by now.
        let supervisor = attempt.client.supervisor_pid();
        match sender.filter(|sender| !sender.belongs_to(supervisor)) {
            Some(stranger) => {
                let sender = port_owner::describe(stranger.pid);
                self.refused = Some(format!("{sender} is not one of its processes"));
            }
            None => {
                let text = String::from_utf8_lossy(&bytes[..length]);
                text.lines().for_each(|line| self.apply(line, attempt));
            }
        }
        true
    }

    fn apply(&mut self, line: &str, attempt: &Attempt<'_>) {
        match line.split_once('=') {
            Some(("READY", "1")) => self.is_ready = true,
            Some(("STATUS", status)) => self.status = Some(status.to_owned()),
            Some(("ERRNO", number)) => {
                self.errno = number.parse().ok().filter(|errno| *errno != 0);
            }
            Some(("EXTEND_TIMEOUT_USEC", micros)) => {
                let more = micros.parse().ok().map(Duration::from_micros);
                self.extended_until = more.map(sys::deadline_after).or(self.extended_until);
            }
            Some(("MAINPID", pid)) => {
                if let Ok(pid) = pid.parse() {
                    let _ = attempt.client.request(Request::Main(pid)); // A lost supervisor ends the wait.
                }
            }
            _ => {}
        }
    }

    fn failure(&self, errno: i32) -> Error {
        let why = std::io::Error::from_raw_os_error(errno);
        let status = self.status.iter().map(|status| format!("; its status is `{status}`"));
        let status: String = status.collect();
        let what = format!("will not be ready: it reported a failure by sd_notify: {why}{status}");
        Error::new(ErrorKind::Failed, what)
    }

    fn seen(&self) -> String {
        match (&self.status, &self.refused) {
            (Some(status), _) => format!("its status is `{status}`"),
            (None, Some(refused)) => format!("a message came, but {refused}"),
            (None, None) => "it has not sent any message".to_owned(),
        }
    }
}

impl Condition for Notify {
    fn describe(&self) -> String {
        "READY=1 by sd_notify".to_owned()
    }

    fn poll(&mut self, _attempt: &Attempt<'_>) -> Result<Poll> {
        Ok(match (self.is_ready, &self.socket) {
            (true, _) => Poll::Ready(Found::default()),
            (false, Some(_)) => Poll::Pending { seen: self.seen(), wake: Wake::Announced },
            (false, None) => Poll::pending(self.seen()),
        })
    }

    fn observe(&mut self, attempt: &Attempt<'_>) -> Result<Observed> {
        let received = || attempt.client.take_readiness_fd(ReadinessFd::Notify).map(Arc::new);
        self.socket = self.socket.take().or_else(received);
        // Bounded, so that a process that never stops sending cannot stop the wait from timing out.
        let _ = (0..sys::DATAGRAMS_AT_ONCE).all(|_| self.receive(attempt));
        if let Some(errno) = self.errno {
            return Err(self.failure(errno));
        }
        let fd = self.socket.clone().map(|socket| socket as _);
        Ok(Observed { fd, extended_until: self.extended_until })
    }

    fn explain(&self) -> Explanation {
        let is_silent = self.status.is_none() && self.refused.is_none();
        let help = is_silent.then(|| {
            "does it support sd_notify, and is that turned on (`redis-server --supervised \
             systemd`)? A shell in front of it has to `exec` it or pass on `NOTIFY_SOCKET`"
                .to_owned()
        });
        Explanation { seen: None, help }
    }
}
