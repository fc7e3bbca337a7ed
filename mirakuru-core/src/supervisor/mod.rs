//! The small process between the tests and a server: its parent, and the one who cleans up.
//!
//! ```text
//! test process ──control socket── supervisor ──parent── server ── all that it spawned
//! ```
//!
//! The kernel closes the control socket however the test process ends. That is what the
//! supervisor waits for: it then stops the server, reaps until no child is left, and ends.

mod client;
mod daemon;
mod lease_queue;
mod protocol;

pub(crate) use client::{
    Client, InheritedFds, LeaseStatus, Phase, Remote, State, SupervisorCommand,
};
pub(crate) use lease_queue::{Answer, LeaseQueue};
#[cfg(any(test, fuzzing))]
pub(crate) use protocol::{Event, FRAME_LEN, Frame};
pub(crate) use protocol::{ReadinessFd, Request, Settings};
