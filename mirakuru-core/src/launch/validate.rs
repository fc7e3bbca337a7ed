//! What is wrong with a spec whatever its placeholders stand for.

use std::ops::RangeInclusive;

use super::spec::ProcessSpec;
use crate::error::{Error, Result};
use crate::syntax::numbers::{self, EXTRA_FDS};
use crate::types::Signal;

/// Fails if a value of the spec is out of range, or if values contradict each other.
pub(super) fn check(spec: &ProcessSpec) -> Result<()> {
    check_time_limits(spec)?;
    check_signals(spec)?;
    check_expected_exit(spec)?;
    spec.environment.check()?;
    check_listeners(spec)?;
    check_ready_fd(spec)?;
    spec.set_up.check(&spec.others)?;
    check_fail_on(spec)
}

fn check_time_limits(spec: &ProcessSpec) -> Result<()> {
    let limits = [("timeout", spec.timeout), ("stop_timeout", spec.stop_timeout)];
    match limits.iter().find(|(_, limit)| limit.is_zero()) {
        Some((name, _)) => Err(Error::invalid(format!("the time limit `{name}` is zero"))),
        None => Ok(()),
    }
}

fn check_signals(spec: &ProcessSpec) -> Result<()> {
    let signals = [("stop_signal", spec.stop_signal), ("kill_signal", spec.kill_signal)];
    signals.into_iter().try_for_each(|(name, signal)| {
        let checked = Signal::try_from(signal.number()).map(drop);
        checked.map_err(|error| Error::invalid(format!("`{name}`: {error}")))
    })
}

fn check_expected_exit(spec: &ProcessSpec) -> Result<()> {
    let Some(expected) = &spec.expect_exit else { return Ok(()) };
    let ends = || expected.ranges().iter().flat_map(|codes| [codes.start(), codes.end()]);
    if expected.ranges().is_empty() || expected.ranges().iter().any(RangeInclusive::is_empty) {
        return Err(Error::invalid(format!("`expect_exit({expected})` expects no end at all")));
    }
    ends().try_for_each(|code| numbers::check_exit((*code).into())).map_err(Error::invalid)
}

fn check_listeners(spec: &ProcessSpec) -> Result<()> {
    let listeners = spec.listens.len();
    if listeners > EXTRA_FDS.len() - 1 {
        return Err(Error::invalid(format!("{listeners} sockets to listen on are too many")));
    }
    Ok(())
}

fn check_ready_fd(spec: &ProcessSpec) -> Result<()> {
    let mut ready_fds = ready_fds(spec);
    let Some(number) = ready_fds.next() else { return Ok(()) };
    let first_free = EXTRA_FDS.start + spec.listens.len() as i32;
    numbers::check_ready_fd(number.into(), first_free).map_err(Error::invalid)?;
    match ready_fds.next() {
        Some(_) => Err(Error::invalid("a process has one readiness descriptor")),
        None => Ok(()),
    }
}

/// Returns the numbers of the readiness descriptors.
pub(super) fn ready_fds(spec: &ProcessSpec) -> impl Iterator<Item = i32> {
    spec.conditions.iter().filter_map(|condition| condition.requirements().ready_fd)
}

/// Lines are only searched for while something is waited for.
fn check_fail_on(spec: &ProcessSpec) -> Result<()> {
    if spec.conditions.is_empty() && !spec.fail_on.is_empty() {
        return Err(Error::invalid(
            "`fail_on` needs a condition to wait for: without one, a process is ready at once",
        ));
    }
    Ok(())
}
