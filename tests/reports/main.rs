//! The report of every kind of failure, as it is printed.
//!
//! Each says what happened, to which process, and what to do next. `UPDATE_EXPECT=1` rewrites the
//! texts; read the difference.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test would")]

mod already_running;
mod announced;
mod bad_input;
mod banner;
mod described;
mod descriptions;
mod ended;
mod failures;
#[cfg(not(mirakuru_fallback))]
mod instead;
mod leased;
mod near_names;
mod normal;
mod not_found;
mod printed_output;
mod progress;
mod refused;
#[cfg(not(mirakuru_fallback))]
mod sandboxes;
mod taken;
#[cfg(not(mirakuru_fallback))]
mod temp_dir;
mod timed_out;
#[cfg(not(mirakuru_fallback))]
mod timeline;
mod timeout_factor;
