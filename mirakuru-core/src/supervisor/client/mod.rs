//! Code that runs in the test process: starting supervisors, and talking to them.

#[allow(clippy::module_inception, reason = "the file has the type that the room is named after")]
mod client;
mod exit_hook;
mod info;
mod interrupt;
mod keep;
mod launcher;
mod leases;
mod spawn;
mod state;
mod streams;

pub(crate) use client::Client;
pub(crate) use exit_hook::call_after_stops;
pub(crate) use info::SupervisorInfo;
pub(crate) use interrupt::Interrupt;
pub(crate) use launcher::is_hang_up;
pub(crate) use spawn::{InheritedFds, SupervisorCommand};
pub(crate) use state::{LeaseStatus, Phase, State};
