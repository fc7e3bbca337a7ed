//! A server: a launch plan, and the supervisor that carries it out.
//!
//! `server.rs` has the data and its accessors; the other files are what happens to a server, in
//! the order of its life.

mod explain;
mod kept;
mod lease;
mod needed;
mod needs;
#[allow(clippy::module_inception, reason = "the room is about the one type in that file")]
mod server;
mod set_up;
mod start;
mod stop;
mod stop_later;
mod template;

pub(crate) mod failure_report;
pub(crate) mod manifest;

pub(crate) use needed::Needed;
pub(crate) use server::{Publication, Server};
