//! A server that has said that it is ready: it may still fail right after.

use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::{Client, State};
use crate::sys;

/// The longest time that a server which has said that it is ready gets to settle: to sleep, or to end.
const SETTLE_MAX: Duration = Duration::from_millis(500);

/// The processor time that it may use in the meantime, and a tick by which the kernel may be late.
const SETTLE_USED: Duration = Duration::from_millis(15);

/// The same where the kernel does not say whether a process sleeps.
const SETTLE_UNSEEN: Duration = Duration::from_millis(5);

/// The first pause before such a server is looked at again; the others are longer.
const SETTLE_STEP: Duration = Duration::from_micros(20);

/// Its processor time is looked up before longer pauses only: that takes longer than the first ones.
const SETTLE_UNMEASURED: Duration = Duration::from_micros(100);

/// Waits until a server that has said that it is ready has settled: it sleeps, or has ended after all.
/// Most sleep at once.
pub(super) fn settle(client: &Client) {
    let has_ended = |state: &State| state.exit.is_some() || !state.is_running();
    let Some(mut is_still_busy) = is_busy(client) else {
        client.wait(Instant::now() + SETTLE_UNSEEN, has_ended);
        return;
    };
    let (end, mut step) = (Instant::now() + SETTLE_MAX, SETTLE_STEP);
    let used = || -> Duration {
        let tree = sys::descendants_of(client.supervisor_pid());
        tree.into_iter().filter_map(sys::processor_time).sum()
    };
    let mut used_before = None;
    while is_still_busy && Instant::now() < end {
        if step > SETTLE_UNMEASURED {
            let used = used();
            if used.saturating_sub(*used_before.get_or_insert(used)) >= SETTLE_USED {
                return;
            }
        }
        let next = end.min(Instant::now() + step);
        if client.wait(next, has_ended).is_some() {
            return;
        }
        step *= 2;
        is_still_busy = is_busy(client) == Some(true);
    }
}

/// Returns true if a process of the server is running or exiting; none if the kernel does not report it.
fn is_busy(client: &Client) -> Option<bool> {
    // Parents after their children: one whose child has ended meanwhile is woken then.
    let main = client.state().main;
    let tree = sys::descendants_of(client.supervisor_pid()).into_iter().rev();
    let any_is_busy = tree.filter(|pid| *pid != main).any(|pid| sys::is_busy(pid) == Some(true));
    // The supervisor may not have reported yet that the main process has ended.
    Some(any_is_busy || !sys::is_resting(main)?)
}

/// Fails if the main process has failed since all conditions held.
pub(super) fn check_not_failed(state: &State) -> Result<()> {
    match state.exit.or(state.previous_main_exit).filter(|exit| !exit.success()) {
        None => Ok(()),
        Some(exit) => {
            let what = format!("{exit} right after it had said that it was ready");
            let error = Error::new(ErrorKind::Exited, what);
            Err(error.with_report(|report| report.exit = Some(exit)))
        }
    }
}
