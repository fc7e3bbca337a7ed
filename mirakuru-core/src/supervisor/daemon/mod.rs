//! Code that runs in the supervisor process.
//!
//! [`run`] turns the process into a supervisor, [`supervisor`] is its loop, [`process_tree`] the server
//! with everything below it. The supervisor has one thread and never blocks but in `poll`,
//! and until a child has executed its program.

mod chores;
mod connections;
mod kept;
mod launch;
mod leases;
mod mode;
mod needs;
mod output;
mod process_tree;
mod readiness_fds;
mod server_files;
mod session_listener;
mod shared_memory;
mod source;
mod stages;
mod start;
mod stop;
mod supervisor;

use std::ffi::CStr;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::unistd::{chdir, dup2_stderr, dup2_stdout};

use self::supervisor::Supervisor;
use crate::supervisor::protocol::{Event, Frame};
use crate::sys;

/// The name of a supervisor that waits for a launch, for `ps`.
const NAME: &CStr = c"mirakuru-spare";

/// Makes this process the supervisor of a server, until nothing of it is left. Its standard input is the
/// control socket; the logs come with the launch.
pub(super) fn run() -> io::Result<()> {
    sys::set_name(NAME);
    sys::close_inherited();
    let own = sys::own_pidfd();
    send(Event::Begun(std::process::id() as i32), own.as_ref())?;
    drop(own);
    let supervisor = Supervisor::new();
    // Otherwise the test process has gone.
    let _ = supervisor.as_ref().inspect_err(|_| drop(send(Event::CannotBegin, None)));
    supervisor?.run();
    end_connection()
}

/// Tells the test process that all is removed and closed, with the logs and the working directory. It need not
/// wait for the exit, which takes the kernel as long as that of a server.
fn end_connection() -> io::Result<()> {
    let control_socket = UnixStream::from(sys::standard_fd(0)?);
    dup2_stdout(&control_socket)?;
    dup2_stderr(&control_socket)?;
    let _ = chdir("/"); // The exit leaves the directory, too.
    let _ = control_socket.shutdown(Shutdown::Both); // The tests may have ended.
    Ok(())
}

fn send(event: Event, fd: Option<&OwnedFd>) -> io::Result<()> {
    let control_socket = UnixStream::from(sys::standard_fd(0)?);
    sys::send(&control_socket, &event.to_bytes(), fd.map(AsFd::as_fd).as_slice())
}
