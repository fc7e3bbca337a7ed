//! Duration and seed of the tests that run at random moments.

use std::env;
use std::time::{Duration, SystemTime};

/// The environment variable with the duration in seconds.
const BUDGET: &str = "MIRAKURU_STRESS_SECONDS";

/// The environment variable with the seed, to repeat a run.
const SEED: &str = "MIRAKURU_STRESS_SEED";

/// Returns the duration of a test that runs at random moments.
pub fn budget() -> Duration {
    Duration::from_secs(number(BUDGET).unwrap_or(3))
}

/// Returns the seed of this run, and prints it so that the run can be repeated.
pub fn seed() -> u64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |now| now.as_nanos() as u64);
    let seed = number(SEED).unwrap_or(now);
    println!("{SEED}={seed}");
    seed
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok()?.parse().ok()
}

/// Pseudo-random numbers: xorshift64*.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next number, which is less than `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}
