//! Which process owns a listening socket.

use crate::diagnostics::port_owner;
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::{Client, State};
use crate::sys::{self, SocketFd};

/// The owner of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// This process below our supervisor has it open.
    Ours(i32),
    /// No process below our supervisor has it open. This one has, if this user can inspect it.
    Stranger(Option<i32>),
    /// A process below our supervisor may have it open: this user cannot inspect all of them.
    Unknown,
}

/// Returns a descriptor of a process below our supervisor that is the socket with this inode.
pub(super) fn find_ours(inode: u64, client: &Client) -> Option<SocketFd> {
    let find = |pid| SocketFd::find(pid, inode);
    // The main process first: it nearly always owns the socket.
    let all = || sys::descendants_of(client.supervisor_pid());
    find(client.state().main).or_else(|| all().into_iter().find_map(find))
}

/// Finds out who owns the socket with this inode. A process that forks at this moment may be missed,
/// so a stranger counts only after several tries.
pub(super) fn of_socket(inode: u64, client: &Client) -> Ownership {
    if let Some(fd) = find_ours(inode, client) {
        return Ownership::Ours(fd.pid);
    }
    let supervisor = client.supervisor_pid();
    match sys::socket_owner(inode) {
        Some(pid) if sys::is_below(pid, supervisor) => Ownership::Ours(pid),
        Some(pid) => Ownership::Stranger(Some(pid)),
        None => {
            let is_hidden = |pid: i32| sys::owns_socket(pid, inode).is_none();
            match sys::descendants_of(supervisor).into_iter().any(is_hidden) {
                true => Ownership::Unknown,
                false => Ownership::Stranger(None),
            }
        }
    }
}

/// Returns the error for a listener that belongs to another process. `what` is the beginning of the
/// message: "… is listened on by".
pub(super) fn not_ours(pid: Option<i32>, user: u32, what: &str) -> Error {
    let who = pid.map_or_else(|| port_owner::of_user(user), port_owner::describe);
    stranger(&who, what).with_help(format!(
        "{who} was not started here; stop it, or give this process an address of its own by {{port}} \
         or {{dir}}. If it serves this process, as with `docker run` or `systemd-run`, accept it by \
         `owner = \"any\"`"
    ))
}

/// Fails if `pid` is alive and not below our supervisor. `what` is the beginning of the message:
/// "… names".
pub(super) fn check_pid(pid: i32, what: &str, client: &Client) -> Result<()> {
    if is_one_of_ours(pid, client) {
        return Ok(());
    }
    let who = port_owner::describe(pid);
    Err(stranger(&who, what).with_help(format!(
        "{who} was not started here; stop it, or give this process an address of its own by {{port}} \
         or {{dir}}"
    )))
}

/// Returns true if `pid` is below our supervisor, or unknown because it has exited.
pub(super) fn is_one_of_ours(pid: i32, client: &Client) -> bool {
    let State { adopts, main, exit, .. } = client.state();
    let is_main = pid == main && exit.is_none();
    is_main || !adopts || !sys::is_alive(pid) || sys::is_below(pid, client.supervisor_pid())
}

fn stranger(who: &str, what: &str) -> Error {
    Error::new(ErrorKind::AlreadyRunning, format!("{what} another process, {who}"))
}
