//! Code that runs in the launcher process: it forks supervisors, on request of the test process.
//!
//! The first start of a test process executes its program again, to become the launcher. A supervisor
//! that is forked costs neither that nor the relocation of a large program.
//!
//! It begins in a constructor, which runs before `main` of the test binary. Nothing else of the crate
//! runs before `main`. In other processes, the constructor only checks two environment variables, and
//! below nextest finds that.
//!
//! It comes before the constructors of the user: linkers sort the sections `.init_array.NNNNN`, and
//! put `.init_array` behind them. Those of Apple and illumos do not; there, the order is that of the
//! object files. `naked` keeps a feature of `ctor` that a user turns on from adding a number.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::iter;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic;

use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::daemon;
use super::protocol::{Event, Frame};
use super::settings::{LAUNCHER, VARIABLE};
use crate::diagnostics::runner;
use crate::sys;

/// The name of the launcher, for `ps`.
const NAME: &CStr = c"mirakuru-launch";

/// The exit code of a launcher that could not begin. `EX_SOFTWARE` of sysexits.h.
const FAILED: i32 = 70;

#[cfg(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris"))]
ctor::declarative::ctor! {
    #[ctor(unsafe, naked)]
    fn before_main() {
        become_launcher_if_asked();
    }
}

#[cfg(not(any(target_vendor = "apple", target_os = "illumos", target_os = "solaris")))]
ctor::declarative::ctor! {
    #[ctor(unsafe, naked, link_section = ".init_array.00001")]
    fn before_main() {
        become_launcher_if_asked();
    }
}

fn become_launcher_if_asked() {
    let Some(value) = std::env::var_os(VARIABLE) else { return runner::note() };
    // `main` cannot be allowed to run: it would run the tests again.
    let served = panic::catch_unwind(|| serve(&value));
    sys::exit_now(exit_code(served.unwrap_or_else(|_| Err("it panicked".to_owned()))));
}

fn serve(value: &OsStr) -> Result<(), String> {
    // Nothing of a process that is no launcher is changed.
    if value != LAUNCHER || !sys::is_socket(&io::stdin()) {
        return Err(format!(
            "{VARIABLE} is set, but not by a test that starts a process; unset it"
        ));
    }
    sys::set_name(NAME);
    fork_supervisors().map_err(|error| format!("the launcher cannot begin: {error}"))
}

/// Forks supervisors until the test process ends, or wants no more.
fn fork_supervisors() -> io::Result<()> {
    sys::close_inherited();
    sys::new_session();
    sys::unblock_signals();
    sys::ignore_children();
    let requests = UnixStream::from(sys::standard_fd(0)?);
    // They are the log of a server that may be gone long before this process.
    let null = File::options().write(true).open("/dev/null")?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)?;
    let tests = sys::peer_process(&requests);
    loop {
        let tests_fd = tests.as_ref().and_then(sys::Process::as_fd);
        let sources: Vec<_> = iter::once(requests.as_fd()).chain(tests_fd).collect();
        let interval = tests.as_ref().and_then(sys::Process::poll_interval);
        if sys::wait_readable(&sources, interval)?[0] {
            let (length, fds) = sys::receive(&requests, &mut [0])?;
            if length == 0 {
                return Ok(());
            }
            fds.into_iter().for_each(fork_supervisor);
        } else if !tests.as_ref().is_some_and(sys::Process::is_alive) {
            // A fork of it may still have the other end of the socket.
            return Ok(());
        }
    }
}

/// Forks a supervisor with this end of a control socket.
fn fork_supervisor(control_socket: OwnedFd) {
    let forked = sys::fork(|| {
        let begun = dup2_stdin(&control_socket).map_err(io::Error::from);
        let result = begun.and_then(|()| daemon::run());
        exit_code(result.map_err(|error| format!("the supervisor cannot begin: {error}")))
    });
    if let Err(error) = forked {
        let event = Event::NotForked(error.raw_os_error().unwrap_or_default());
        let control_socket = UnixStream::from(control_socket);
        let _ = sys::send(&control_socket, &event.to_bytes(), &[]); // It may be gone.
    }
}

/// Returns the exit code of a launcher or a supervisor.
fn exit_code(result: Result<(), String>) -> i32 {
    // Standard error is the log of the server, in a supervisor from its launch on. Before, it is `/dev/null`.
    let _ = result.as_ref().inspect_err(|what| drop(writeln!(io::stderr(), "mirakuru: {what}")));
    if result.is_ok() { 0 } else { FAILED }
}
