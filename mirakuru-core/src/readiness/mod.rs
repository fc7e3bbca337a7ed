//! The conditions for "started", and the one loop that waits for them.
//!
//! Conditions only observe. The caller decides what happens to a process that does not meet them.
//! `condition.rs` has the contract, `wait.rs` the loop; each condition has a file of its own, with
//! its [`ConditionSpec`] and its `Condition`.

mod announced;
mod attempt;
mod command;
mod condition;
mod condition_set;
mod custom;
mod fail_on;
mod http;
mod identity;
mod instead;
mod output;
mod ownership;
mod pace;
mod pid_file;
mod ready_fd;
mod ready_times;
mod reply;
mod reply_pattern;
mod requests;
mod sd_notify;
mod settle;
mod tcp;
mod udp;
mod unix_socket;
mod wait;

pub use attempt::Attempt;
pub(crate) use command::CommandSpec;
pub(crate) use condition::{ConditionSpec, Endpoint, StartContext};
pub(crate) use condition_set::ConditionSet;
pub(crate) use custom::ProbeSpec;
pub use custom::{Probe, Readiness};
pub use http::{Http, Status};
pub(crate) use identity::Identity;
pub(crate) use pid_file::PidFileSpec;
pub(crate) use ready_fd::ReadyFdSpec;
pub(crate) use reply::ReplySpec;
pub(crate) use sd_notify::NotifySpec;
pub(crate) use tcp::TcpSpec;
pub(crate) use udp::UdpSpec;
pub(crate) use unix_socket::UnixSocketSpec;
