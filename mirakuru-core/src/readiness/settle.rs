//! A listener counts when it stays. Some programs listen on a port for a moment, only to see whether
//! it is free, and a client that connects then is refused right after.

use std::time::{Duration, Instant};

use super::ownership::{self, Ownership};
use crate::supervisor::Client;
use crate::sys;

/// The time between two looks.
const STEP: Duration = Duration::from_micros(200);

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
    fn inode(&self) -> u64;

    /// Returns true if the socket is still there.
    fn is_taken(&self) -> bool;

    /// Returns the other sockets that share its address.
    fn sharing(&self) -> Vec<u64>;
}

/// Returns who owns a listening socket, or none if it does not listen any more.
///
/// A process that listens only for a moment does not sleep in between. So a socket stays if all
/// threads of its process sleep at the second look, or if the process has run for some milliseconds
/// and has not closed it.
pub(super) fn settle(seat: &dyn Seat, client: &Client, certainty: Certainty) -> Option<Ownership> {
    let began = Instant::now();
    let mut watched = None;
    loop {
        let age = began.elapsed();
        let owner = ownership::find_ours(seat.inode(), client);
        match owner.filter(|_| is_ours_alone(seat, client)) {
            Some(pid) if certainty == Certainty::Owned || stays(pid, age, &mut watched) => {
                // It may have been closed right before the process fell asleep.
                return seat.is_taken().then_some(Ownership::Ours(pid));
            }
            None if age >= STAYS => {
                let owner = judge(seat, client);
                // While the processes were searched, the socket may have been closed.
                let is_taken = seat.is_taken();
                let is_sure = match owner {
                    Ownership::Ours(_) | Ownership::Unknown => true,
                    Ownership::Stranger(Some(_)) => age >= IS_STRANGE,
                    Ownership::Stranger(None) => age >= IS_UNSEEN,
                };
                if is_sure || !is_taken {
                    return is_taken.then_some(owner);
                }
            }
            _ => {}
        }
        // Wakes when something happens to the process. An error only makes the pause shorter.
        let _ = sys::wait_readable(&[client.as_fd()], Some(STEP));
        if !seat.is_taken() {
            return None;
        }
    }
}

/// Returns true if the socket of a process stays, after this time. `watched` is the process of the
/// look before, with its processor time at the first look.
fn stays(pid: i32, age: Duration, watched: &mut Option<(i32, Option<Duration>)>) -> bool {
    let (_, at_first) = match *watched {
        Some(same) if same.0 == pid => same,
        _ => {
            *watched = Some((pid, sys::processor_time(pid)));
            return age >= STAYS_UNUSED;
        }
    };
    if age >= STAYS_UNUSED || sys::is_asleep(pid) {
        return true;
    }
    match (at_first, sys::processor_time(pid)) {
        (Some(before), Some(now)) => now.saturating_sub(before) >= HAS_RUN,
        _ => age >= HAS_RUN,
    }
}

/// Returns true if all sockets that share the address of this one are ours.
fn is_ours_alone(seat: &dyn Seat, client: &Client) -> bool {
    seat.sharing().into_iter().all(|other| ownership::find_ours(other, client).is_some())
}

/// Returns who owns the sockets of an address: a stranger if one of them is a stranger's.
fn judge(seat: &dyn Seat, client: &Client) -> Ownership {
    let all = std::iter::once(seat.inode()).chain(seat.sharing());
    let owners = all.map(|inode| ownership::of_socket(inode, client));
    let worst = owners.max_by_key(|owner| match owner {
        Ownership::Ours(_) => 0,
        Ownership::Unknown => 1,
        Ownership::Stranger(_) => 2,
    });
    worst.unwrap_or(Ownership::Unknown)
}
