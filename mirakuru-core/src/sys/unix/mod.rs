//! System calls that every Unix has.

mod account;
mod fds;
mod process;
mod signals;
mod sockets;

pub(crate) use account::*;
pub(crate) use fds::*;
pub(crate) use process::*;
pub(crate) use signals::*;
pub(crate) use sockets::*;
