//! The small process between the tests and a server: its parent, and the one who cleans up.
//!
//! ```text
//! test process ──control socket── supervisor ──parent── server ── all that it spawned
//! ```
//!
//! The kernel closes the control socket however the test process ends. That is what the
//! supervisor waits for: it then stops the server, reaps until no child is left, and ends.

mod channels;
mod client;
mod desk;
mod entry;
mod keeper;
mod launch;
mod live;
mod queue;
mod state;
mod tree;
mod wire;

pub(crate) use client::{Client, Remote};
pub(crate) use launch::{Holds, Launch};
pub(crate) use state::{Lease, Phase, State};
pub(crate) use wire::{Channel, Request, Settings};
#[cfg(any(test, fuzzing))]
pub(crate) use wire::{Event, FRAME_LEN, Frame};
