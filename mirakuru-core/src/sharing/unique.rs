//! Names that no two leases share.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The number of digits, in base 36, of 64 bits.
const DIGITS: usize = 13;

/// Returns a name that no other lease has, of any process of this or another run: 64 bits that the
/// keys of `RandomState`, which are the system's, and the time have mixed.
pub(super) fn name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    // A fork has the same keys and the same counter.
    let random = RandomState::new().hash_one((std::process::id(), Instant::now(), number));
    to_name(random)
}

/// Begins with a letter, as the names of many servers have to.
fn to_name(mut number: u64) -> String {
    let digit = || {
        let digit = char::from_digit((number % 36) as u32, 36);
        number /= 36;
        digit
    };
    std::iter::once('t').chain(std::iter::repeat_with(digit).take(DIGITS).flatten()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_name_is_short_and_suits_databases_hosts_and_buckets() {
        for name in [to_name(0), to_name(u64::MAX), name()] {
            assert_eq!(name.len(), DIGITS + 1);
            assert!(name.starts_with('t'), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()), "{name}");
        }
    }

    #[test]
    fn every_number_has_a_name_of_its_own() {
        let numbers = [0, 1, 35, 36, u64::MAX - 1, u64::MAX, u64::MAX / 36];
        assert_eq!(numbers.map(to_name).into_iter().collect::<BTreeSet<_>>().len(), numbers.len());
    }
}
