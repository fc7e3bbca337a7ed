//! Programs and directories: finding them, and explaining why one cannot be used.
//!
//! Only a failed look-up searches for what may have been meant, and only among a limited number of
//! names.

mod explain;
mod find;
mod locations;
mod packages;
mod workspace;

pub(crate) use explain::{cannot_run, no_such_binary};
pub(crate) use find::{check_directory, find, find_or_expect};
pub(crate) use locations::{binaries_dir, find_server, path_with_servers};
#[cfg(test)]
pub(crate) use packages::how_to_install;
