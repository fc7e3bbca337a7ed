//! What users see beside results: events, progress, log directories, the owners of addresses.

pub(crate) mod events;
pub(crate) mod log_dir;
pub(crate) mod loopback;
pub(crate) mod misspelt;
pub(crate) mod other_server;
pub(crate) mod port_owner;
pub(crate) mod progress;
pub(crate) mod runner;
pub(crate) mod settings;
pub(crate) mod stdout;
pub(crate) mod time_limit;
pub(crate) mod timeline;
pub(crate) mod used_servers;
mod watched;
