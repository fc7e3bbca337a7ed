//! The servers that this one needs, and the servers that need it.
//!
//! The supervisors of two such servers have the ends of one pair of sockets. The supervisor of the needed
//! server shuts its end down when it is to stop. It then waits for the end of the dependant's supervisor,
//! which closes the other one.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::sys;

/// The time that a dependant's supervisor gets beyond the stop timeout of its server.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(super) struct Needs {
    /// The ends whose other ends are in the supervisors of the servers that this one needs. They stay
    /// open until this process ends.
    needed: Vec<UnixStream>,
    is_lost: bool,
    dependants: Vec<Dependant>,
    /// The dependants were asked to stop.
    is_dismissed: bool,
    /// How long they take has changed.
    has_news: bool,
}

/// The supervisor of a server that needs this one.
struct Dependant {
    socket: UnixStream,
    /// How long it may take to end.
    limit: Duration,
    /// When it is waited for no longer.
    deadline: Option<Instant>,
}

/// What was read from the other end of a pair.
enum Received {
    Nothing,
    /// How many milliseconds the other supervisor needs to end.
    Limit(u64),
    End,
}

impl Needs {
    /// Adds the ends of servers that this one needs.
    pub(super) fn add_needed(&mut self, fds: Vec<OwnedFd>) {
        self.needed.extend(fds.into_iter().filter_map(nonblocking));
    }

    /// Adds a server that needs this one, unless this one is to stop.
    pub(super) fn add_dependant(&mut self, fds: Vec<OwnedFd>, limit: Duration) {
        if self.is_dismissed {
            return; // The closed end says it.
        }
        let sockets = fds.into_iter().filter_map(nonblocking);
        let limit = limit.saturating_add(GRACE);
        let dependants = sockets.map(|socket| Dependant { socket, limit, deadline: None });
        self.dependants.extend(dependants);
    }

    /// Returns the descriptors on which the other supervisors can be heard.
    pub(super) fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let needed = self.needed.iter().filter(|_| !self.is_lost);
        needed.chain(self.dependants.iter().map(|it| &it.socket)).map(AsFd::as_fd)
    }

    /// Reads what the other supervisors have said.
    pub(super) fn read(&mut self) {
        self.is_lost |= self.needed.iter().any(|socket| matches!(receive(socket), Received::End));
        let (now, is_dismissed) = (Instant::now(), self.is_dismissed);
        self.dependants.retain_mut(|dependant| match receive(&dependant.socket) {
            Received::End => false,
            Received::Nothing => dependant.deadline.is_none_or(|deadline| now < deadline),
            Received::Limit(millis) => {
                self.has_news = true;
                dependant.limit = Duration::from_millis(millis).saturating_add(GRACE);
                dependant.deadline = is_dismissed.then(|| sys::deadline_after(dependant.limit));
                true
            }
        });
    }

    /// Returns true if a server that this one needs stops.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Returns true if a dependant is waited for.
    pub(super) fn has_dependants(&self) -> bool {
        !self.dependants.is_empty()
    }

    /// Asks the dependants to stop.
    pub(super) fn dismiss(&mut self) {
        self.is_dismissed = true;
        self.has_news = true;
        for dependant in &mut self.dependants {
            let _ = dependant.socket.shutdown(Shutdown::Write); // It may have ended.
            dependant.deadline = Some(sys::deadline_after(dependant.limit));
        }
    }

    /// Returns how long this server may take to stop, after its dependants, and tells the servers that it
    /// needs. `own_limit` is its stop timeout. Returns none if nothing has changed.
    pub(super) fn new_limit(&mut self, own_limit: Duration) -> Option<Duration> {
        let slowest = self.dependants.iter().map(|dependant| dependant.limit).max()?;
        let limit = slowest.saturating_add(own_limit);
        if !std::mem::take(&mut self.has_news) {
            return None;
        }
        for mut socket in &self.needed {
            let millis = limit.as_millis() as u64;
            let _ = socket.write_all(&millis.to_ne_bytes()); // Its supervisor may have been killed.
        }
        Some(limit)
    }

    /// Returns the time until a dependant is waited for no longer.
    pub(super) fn timeout(&self) -> Option<Duration> {
        let deadlines = self.dependants.iter().filter_map(|dependant| dependant.deadline);
        deadlines.min().map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

fn nonblocking(fd: OwnedFd) -> Option<UnixStream> {
    let socket = UnixStream::from(fd);
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

/// Reads what the other end has sent, without waiting.
fn receive(mut socket: &UnixStream) -> Received {
    let mut bytes = [0; 8];
    match socket.read(&mut bytes) {
        Ok(8) => Received::Limit(u64::from_ne_bytes(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
        _ => Received::End,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A server that needs another one.
    fn pair() -> (Needs, Needs) {
        let (one, other) = UnixStream::pair().unwrap();
        let (mut dependant, mut needed) = (Needs::default(), Needs::default());
        dependant.add_needed(vec![one.into()]);
        needed.add_dependant(vec![other.into()], SECOND);
        (dependant, needed)
    }

    #[test]
    fn a_server_that_is_to_stop_waits_for_the_end_of_its_dependant() {
        let (mut dependant, mut needed) = pair();
        dependant.read();
        assert!(!dependant.is_lost());
        needed.dismiss();
        dependant.read();
        assert!(dependant.is_lost());
        needed.read();
        assert!(needed.has_dependants());
        drop(dependant);
        needed.read();
        assert!(!needed.has_dependants());
    }

    #[test]
    fn a_dependant_that_waits_for_its_own_dependants_gets_their_time_too() {
        let (mut middle, mut needed) = pair();
        let (one, other) = UnixStream::pair().unwrap();
        middle.add_dependant(vec![other.into()], 100 * SECOND);
        needed.dismiss();
        assert!(needed.timeout().unwrap() < 20 * SECOND);
        middle.dismiss();
        assert!(middle.new_limit(SECOND).unwrap() > 100 * SECOND);
        needed.read();
        assert!(needed.timeout().unwrap() > 100 * SECOND);
        drop(one);
    }

    #[test]
    fn a_server_that_stops_gets_no_new_dependants() {
        let mut needed = Needs::default();
        needed.dismiss();
        let (one, other) = UnixStream::pair().unwrap();
        needed.add_dependant(vec![other.into()], SECOND);
        assert!(!needed.has_dependants());
        let mut dependant = Needs::default();
        dependant.add_needed(vec![one.into()]);
        dependant.read();
        assert!(dependant.is_lost());
    }
}
