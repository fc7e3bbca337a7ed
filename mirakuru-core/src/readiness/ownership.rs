//! Which process owns a listening socket.

use std::net::SocketAddr;

use crate::diagnostics::port_owner::{describe, is_below};
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::Client;
use crate::sys;

/// Returns true if the socket with this inode belongs to a process below our supervisor, and false if
/// its owner is unknown: the descriptors of another user's process, or of one in a container, cannot
/// be read.
///
/// # Errors
///
/// Fails if the socket belongs to another process, and names that.
pub(super) fn is_ours(inode: Option<u64>, address: SocketAddr, client: &Client) -> Result<bool> {
    let Some(inode) = inode else { return Ok(false) };
    let supervisor = client.supervisor_pid();
    let is_ours = |pid: i32| sys::owns_socket(pid, inode) == Some(true);
    // The main process first: it nearly always owns the socket.
    if is_ours(client.state().main) || sys::descendants_of(supervisor).into_iter().any(is_ours) {
        return Ok(true);
    }
    match sys::socket_owner(inode) {
        Some(pid) if !is_below(pid, supervisor) => {
            Err(stranger(pid, &format!("{address} is answered by")))
        }
        holder => Ok(holder.is_some()),
    }
}

/// Fails if `pid` is alive and not below our supervisor. `what` is the beginning of the message:
/// "… names".
pub(super) fn check_pid(pid: i32, what: &str, client: &Client) -> Result<()> {
    if is_one_of_ours(pid, client) { Ok(()) } else { Err(stranger(pid, what)) }
}

/// Returns true if `pid` is below our supervisor, or unknown because it has exited.
pub(super) fn is_one_of_ours(pid: i32, client: &Client) -> bool {
    !sys::HAS_SUBREAPER || !sys::is_alive(pid) || is_below(pid, client.supervisor_pid())
}

fn stranger(pid: i32, what: &str) -> Error {
    let who = describe(pid);
    let what = format!("{what} another process, {who}");
    Error::new(ErrorKind::AlreadyRunning, what).with_help(format!(
        "{who} was not started here; stop it, or give this process an address of its own by {{port}} \
         or {{dir}}"
    ))
}
