//! System calls that only Linux has. `fallback/` has the same functions.

mod fds;
mod inheritance;
mod netlink;
mod other_process;
mod peer;
mod proc;
mod process;
mod shm;
mod sock_diag;
mod sockets;
mod unix_diag;
mod unix_place;
mod watcher;

pub(crate) use self::fds::*;
pub(crate) use self::inheritance::*;
pub(crate) use self::other_process::*;
pub(crate) use self::peer::*;
pub(crate) use self::proc::*;
pub(crate) use self::process::*;
pub(crate) use self::shm::*;
pub(crate) use self::sockets::*;
pub(crate) use self::unix_place::*;
pub(crate) use self::watcher::*;
