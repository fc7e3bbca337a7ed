//! Data of a test's own in a shared server: by a fixture that makes it under the name of its lease, and
//! removes it at the end of the test.
//!
//! The fixtures are options only because a server may not be installed here.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod postgres;
mod rabbitmq;
mod redis;
