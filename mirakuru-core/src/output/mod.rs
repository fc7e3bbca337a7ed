//! The output of a process: its files, and the search for patterns in them.

mod files;
mod follower;
mod lease_marks;
mod log;
mod log_follower;
pub(crate) mod matcher;
pub(crate) mod near_miss;
mod open_logs;
mod pattern;
pub(crate) mod printer;
mod repeats;
mod terminal;

pub(crate) use files::LogFiles;
pub(crate) use follower::Follower;
pub(crate) use lease_marks::LeaseMark;
pub use log::Log;
pub use log_follower::LogFollower;
pub(crate) use open_logs::OpenLogs;
pub use pattern::Banner;
