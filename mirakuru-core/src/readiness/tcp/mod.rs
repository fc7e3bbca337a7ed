//! A TCP port that accepts connections: one that is known, or whichever the process listens on.

mod any_port;
mod fixed_port;
mod listener;
mod spec;

pub(crate) use spec::TcpSpec;
pub(super) use spec::connection_to;
