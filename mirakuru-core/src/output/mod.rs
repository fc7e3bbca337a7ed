//! The output of a process: its files, and patterns that are looked for in them.

mod files;
mod follower;
mod lease_marks;
mod log;
pub(crate) mod matcher;
pub(crate) mod near_miss;
mod pattern;
mod terminal;

pub(crate) use files::LogFiles;
pub(crate) use follower::Follower;
pub use log::Log;
pub use pattern::Banner;
