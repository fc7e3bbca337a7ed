//! System calls that every Unix has.

mod account;
mod child;
mod fds;
pub(super) mod messages;
mod process;
mod signals;
mod socket;
mod sockets;

pub(crate) use account::*;
pub(crate) use child::*;
pub(crate) use fds::*;
pub(crate) use process::*;
pub(crate) use signals::*;
pub(crate) use socket::*;
pub(crate) use sockets::*;
