//! The ways to be ready that the Python library does not have, and the line that ends the wait.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod any_port;
mod captures;
mod command;
mod fail_on;
mod listen;
mod notify;
mod probes;
mod ready_fd;
mod senders;
