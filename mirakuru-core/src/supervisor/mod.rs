//! The process between the tests and a server: the parent of the server, which stops it.
//!
//! ```text
//! test process ──control socket── supervisor ──parent── server ── everything it spawned
//! ```
//!
//! The kernel closes the control socket however the test process ends. The supervisor then stops the
//! server, reaps until no child is left, and ends.
//!
//! The launcher is one more process for each test process: it forks supervisors, from the second start on
//! one in advance. `client` runs in the test process, `launcher` in the launcher, `daemon` in the
//! supervisor. `job`, `protocol` and `lease_queue` are data that they use.

mod client;
mod daemon;
mod job;
mod launcher;
mod lease_queue;
mod protocol;
mod settings;

pub(crate) use client::{
    Client, InheritedFds, Interrupt, LeaseStatus, Phase, State, SupervisorCommand, SupervisorInfo,
    call_after_stops, is_hang_up,
};
pub(crate) use job::Job;
pub(crate) use lease_queue::{Access, Answer, LeaseQueue};
#[cfg(any(test, fuzzing))]
pub(crate) use protocol::{Event, FRAME_LEN, Frame};
pub(crate) use protocol::{ReadinessFd, Request, Start};
pub(crate) use settings::{ENDED, Settings};
