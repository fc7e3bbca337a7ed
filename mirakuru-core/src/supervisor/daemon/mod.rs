//! Code that runs in the supervisor process.
//!
//! [`entry`] turns the process into a supervisor, [`supervisor`] is its loop, [`process_tree`] the
//! server with everything below it. The supervisor has one thread and never blocks but in `poll`.

mod connections;
mod entry;
mod kept;
mod leases;
mod mode;
mod needs;
mod output;
mod process_tree;
mod readiness_fds;
mod server_command;
mod session_listener;
mod shared_memory;
mod source;
mod start;
mod stop;
mod supervisor;
