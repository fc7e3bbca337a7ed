//! Numbers that users write.

use std::ops::{Range, RangeInclusive};

/// The descriptors that a process can inherit, beside its three standard streams.
pub(crate) const EXTRA_FDS: Range<i32> = 3..20;

/// The exit codes of a process, and below zero the negated numbers of signals.
const EXIT_CODES: RangeInclusive<i64> = -64..=255;

/// Fails if this cannot be the descriptor for a readiness line. Those below `first` are in use.
pub(crate) fn check_ready_fd(number: i64, first: i32) -> Result<(), String> {
    let last = EXTRA_FDS.end - 1;
    if (i64::from(first)..=i64::from(last)).contains(&number) {
        return Ok(());
    }
    Err(format!("the readiness descriptor {number} is not one from {first} to {last}"))
}

/// Fails if no process exits so.
pub(crate) fn check_exit(code: i64) -> Result<(), String> {
    if EXIT_CODES.contains(&code) {
        return Ok(());
    }
    Err(format!("no process exits with {code}: codes go from 0 to 255, and `-N` means signal N"))
}

/// Fails if an output pattern cannot match so many times.
pub(crate) fn check_times(times: i64) -> Result<(), String> {
    if times > 0 {
        return Ok(());
    }
    Err("an output pattern that has to match 0 times waits for nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert_eq!((check_ready_fd(3, 3), check_ready_fd(19, 3)), (Ok(()), Ok(())));
        for (number, first) in [(2, 3), (20, 3), (4, 5)] {
            assert!(check_ready_fd(number, first).is_err(), "{number}");
        }
        assert_eq!((check_exit(255), check_exit(-64)), (Ok(()), Ok(())));
        assert!(check_exit(256).is_err() && check_exit(-65).is_err());
        assert!(check_times(0).is_err() && check_times(1).is_ok());
    }
}
