//! A listener counts when it stays. Some programs listen on a port for a moment, only to see whether
//! it is free, and a client that connects then is refused right after.

use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::condition::StartContext;
use super::ownership::{self, Ownership};
use crate::diagnostics::events;
use crate::error::Result;
use crate::supervisor::Client;
use crate::sys::{self, ListeningSocket, SocketFd};
use crate::types::Owner;

/// The shortest and the longest time between two looks.
const STEP_MIN: Duration = Duration::from_micros(20);
const STEP_MAX: Duration = Duration::from_micros(200);

/// A socket that no process of ours seems to have is judged after this time.
const STAYS: Duration = Duration::from_millis(5);

/// A socket stays if its process has run for this time and has not closed it: some milliseconds, and a
/// tick of 10 ms, by which the kernel's figures may be late.
const HAS_RUN: Duration = Duration::from_millis(15);

/// A socket that has listened for this time stays, even if its process did not get to run.
const STAYS_UNUSED: Duration = Duration::from_millis(500);

/// A process that forks while the processes are searched may be missed, so a socket belongs to a
/// stranger only if that is found after this time, too.
const IS_STRANGE: Duration = Duration::from_millis(200);

/// The same if no process at all is found that has it.
const IS_UNSEEN: Duration = Duration::from_secs(1);

/// How sure a look has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// The socket belongs to the process: a request follows, whose answer proves the rest.
    Owned,
    /// The socket stays, too.
    Stays,
}

/// A socket that listens, or takes datagrams.
pub(super) trait Seat {
    fn socket(&self) -> ListeningSocket;

    /// Names the address.
    fn place(&self) -> String;

    /// Returns the beginning of "… by another process".
    fn taken(&self) -> String {
        format!("{} is listened on", self.place())
    }

    /// Returns true if the socket is still there.
    fn is_taken(&self) -> bool;

    /// Returns the other sockets that share its address.
    fn sharing(&self) -> Vec<u64> {
        Vec::new()
    }

    /// Shows by a connection that it accepts. Fails if another process answers.
    fn connect(&self, attempt: &Attempt<'_>) -> Result<io::Result<()>>;
}

/// Judges the sockets that one condition finds.
pub(super) struct Judge {
    certainty: Certainty,
    /// A connection is made even where the kernel proves that the process listens.
    connects: bool,
    owner: Owner,
    /// The sockets that have been found to be ready.
    ready: Vec<u64>,
    /// An event was emitted about a socket whose owner is unknown.
    is_unknown_owner_logged: bool,
}

impl Judge {
    pub(super) fn new(context: &StartContext<'_>, certainty: Certainty) -> Self {
        Self::of(context.owner, context.connects, certainty)
    }

    pub(super) fn of(owner: Owner, connects: bool, certainty: Certainty) -> Self {
        Self { certainty, connects, owner, ready: Vec::new(), is_unknown_owner_logged: false }
    }

    /// Returns true if only the process itself counts, and no other one that serves it.
    pub(super) fn wants_tree(&self) -> bool {
        self.owner == Owner::Tree
    }

    /// Checks an open socket, and fails if it belongs to another process. A connection is made only if
    /// the kernel does not prove that the process has it: the process might be made for one connection.
    pub(super) fn judge(
        &mut self,
        seat: &dyn Seat,
        attempt: &Attempt<'_>,
    ) -> Result<io::Result<()>> {
        let ListeningSocket { inode, user, is_full } = seat.socket();
        if self.ready.contains(&inode) {
            return Ok(Ok(()));
        }
        let owner = match settle(seat, attempt.client, self.certainty) {
            None => return Ok(Err(io::ErrorKind::ConnectionRefused.into())),
            Some(Ownership::Stranger(pid)) if self.wants_tree() => {
                return Err(ownership::not_ours(pid, user, &format!("{} by", seat.taken())));
            }
            Some(owner) => owner,
        };
        if is_full {
            return Ok(Err(io::ErrorKind::TimedOut.into()));
        }
        let is_proven = matches!(owner, Ownership::Ours(_));
        if self.certainty == Certainty::Stays && (self.connects || !is_proven) {
            if let Err(error) = seat.connect(attempt)? {
                return Ok(Err(error));
            }
        }
        if owner == Ownership::Unknown {
            self.log_unknown_owner(seat.place(), attempt);
        }
        self.ready.push(inode);
        Ok(Ok(()))
    }

    /// Emits an event, once, that a socket is taken for that of the process.
    pub(super) fn log_unknown_owner(&mut self, place: impl Display, attempt: &Attempt<'_>) {
        if !std::mem::replace(&mut self.is_unknown_owner_logged, true) {
            events::not_judged(attempt.client.name(), attempt.client.state().main, place);
        }
    }
}

/// A process of ours that has a socket, between two looks.
struct Watched {
    fd: SocketFd,
    /// All its threads slept at the last look; none if there was no look.
    slept: Option<bool>,
    /// The processor time that it had used when it was first seen to run, if the kernel reports it.
    used: Option<Option<Duration>>,
}

impl Watched {
    fn new(fd: SocketFd) -> Self {
        Self { fd, slept: None, used: None }
    }

    /// Returns true if the process has the socket open, as it had when it was found.
    fn still_owns(&self) -> bool {
        self.slept.is_none() || self.fd.is_open()
    }

    /// Returns true if the socket of the process stays, after this time; none if the process has ended.
    ///
    /// A process that listens only for a moment does not sleep in between. So a socket stays if all
    /// threads of its process sleep at the second look, or if the process has run for some
    /// milliseconds and has not closed it.
    fn stays(&mut self, age: Duration) -> Option<bool> {
        let sleeps = sys::is_asleep(self.fd.pid)?;
        let is_first = self.slept.replace(sleeps).is_none();
        if sleeps || age >= STAYS_UNUSED {
            return Some(!is_first || age >= STAYS_UNUSED);
        }
        let used = sys::processor_time(self.fd.pid);
        Some(match (*self.used.get_or_insert(used), used) {
            (Some(before), Some(now)) => now.saturating_sub(before) >= HAS_RUN,
            _ => age >= HAS_RUN,
        })
    }
}

/// Returns who owns a listening socket, or none if it does not listen any more.
fn settle(seat: &dyn Seat, client: &Client, certainty: Certainty) -> Option<Ownership> {
    let (began, inode) = (Instant::now(), seat.socket().inode);
    let (mut watched, mut step) = (None::<Watched>, STEP_MIN);
    loop {
        let age = began.elapsed();
        watched = watched.or_else(|| ownership::find_ours(inode, client).map(Watched::new));
        let stays = match &mut watched {
            Some(_) if certainty == Certainty::Owned => Some(true),
            Some(owner) => owner.stays(age),
            None => None,
        };
        if stays == Some(true) {
            let ours = watched.take().filter(|owner| owner.still_owns());
            if let Some(owner) = ours.filter(|_| is_ours_alone(seat, client)) {
                // It may have been closed right before the process fell asleep.
                return seat.is_taken().then_some(Ownership::Ours(owner.fd.pid));
            }
        }
        if stays != Some(false) {
            watched = None;
            if let Some(owner) = owner_after(age, seat, client) {
                return seat.is_taken().then_some(owner);
            }
        }
        if watched.as_ref().and_then(|owner| owner.slept) == Some(true) {
            continue;
        }
        // Wakes when something happens to the process. An error only makes the pause shorter.
        let _ = sys::wait_readable(&[client.as_fd()], Some(step));
        step = (2 * step).min(STEP_MAX);
        if !seat.is_taken() {
            return None;
        }
    }
}

/// Returns who owns the sockets of an address of which we do not own all, once that is sure.
fn owner_after(age: Duration, seat: &dyn Seat, client: &Client) -> Option<Ownership> {
    if age < STAYS {
        return None;
    }
    let owner = worst_owner(seat, client);
    let is_sure = match owner {
        Ownership::Ours(_) | Ownership::Unknown => true,
        Ownership::Stranger(Some(_)) => age >= IS_STRANGE,
        Ownership::Stranger(None) => age >= IS_UNSEEN,
    };
    is_sure.then_some(owner)
}

/// Returns true if all sockets that share the address of this one are ours.
fn is_ours_alone(seat: &dyn Seat, client: &Client) -> bool {
    seat.sharing().into_iter().all(|other| ownership::find_ours(other, client).is_some())
}

/// Returns who owns the sockets of an address: a stranger if one of them is a stranger's.
fn worst_owner(seat: &dyn Seat, client: &Client) -> Ownership {
    let all = std::iter::once(seat.socket().inode).chain(seat.sharing());
    let owners = all.map(|inode| ownership::of_socket(inode, client));
    let worst = owners.max_by_key(|owner| match owner {
        Ownership::Ours(_) => 0,
        Ownership::Unknown => 1,
        Ownership::Stranger(_) => 2,
    });
    worst.unwrap_or(Ownership::Unknown)
}
