//! A TCP port that the process listens on: one that is known, or whichever it has chosen.

mod any_port;
mod fixed_port;
mod listener;
mod spec;

pub(super) use listener::{is_of_this_machine, reachable, sharing_address, udp_socket_to};
pub(super) use spec::TcpPort;
pub(crate) use spec::TcpSpec;
