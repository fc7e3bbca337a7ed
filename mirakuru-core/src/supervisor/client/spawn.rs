//! Starts supervisors: this program, executed again.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::command::Environment;
use crate::diagnostics::other_server;
use crate::supervisor::job::Job;
use crate::supervisor::settings::{LOADER_PREFIX, LOADER_VARIABLES, Settings, VARIABLE};
use crate::sys;

/// Descriptors for the supervisor. The test process keeps them too, for the next supervisor.
#[derive(Default)]
pub(crate) struct InheritedFds {
    /// Reserve ports.
    pub(crate) ports: Vec<OwnedFd>,
    /// Are passed to the server.
    pub(crate) listeners: Vec<OwnedFd>,
}

/// The command line and environment of a supervisor.
pub(crate) struct SupervisorCommand {
    /// The name of the server in messages.
    pub(crate) name: String,
    pub(crate) job: Job,
    pub(crate) environment: Environment,
    pub(crate) stdout: File,
    pub(crate) stderr: File,
    pub(crate) settings: Settings,
}

impl SupervisorCommand {
    /// Executes this program again, as a supervisor at the other end of the control socket. Returns
    /// the mark of its server, too.
    pub(super) fn spawn(self, control: UnixStream) -> io::Result<(Child, String)> {
        if std::env::var_os(VARIABLE).is_some() {
            // This process was meant to become a supervisor, but its constructors did not run. To go
            // on would execute the program without end.
            return Err(io::Error::other("the supervisor did not start before `main`"));
        }
        let mut command = Command::new(sys::own_program()?);
        // The words are only for `ps` to show: no other than glibc's std has them before `main`.
        command.arg0("mirakuru-supervisor").args(&self.job.command);
        let mark = new_mark();
        set_environment(&mut command, &self, &mark);
        command.stdin(OwnedFd::from(control)).stdout(self.stdout).stderr(self.stderr);
        Ok((command.spawn()?, mark))
    }
}

/// Returns true if the supervisor has closed its end of the control socket.
pub(crate) fn is_hang_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Waits for the end of a supervisor. Returns none at the deadline.
pub(super) fn wait_for_exit(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => {}
            ended => return ended.ok().flatten(),
        }
        sys::wait_readable(&[], Some(Duration::from_millis(1))).ok()?;
    }
}

/// Returns a variable with a value that no other server has.
fn new_mark() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    other_server::mark(COUNTER.fetch_add(1, Ordering::Relaxed))
}

fn set_environment(command: &mut Command, launch: &SupervisorCommand, mark: &str) {
    launch.environment.apply_to(command);
    for name in LOADER_VARIABLES {
        keep_for_server(command, &launch.environment, name);
    }
    command.env(VARIABLE, launch.settings.to_variable());
    if let Some((name, value)) = mark.split_once('=') {
        command.env(name, value);
    }
}

/// Leaves the supervisor this process's own value, and keeps the server's under another name.
fn keep_for_server(command: &mut Command, environment: &Environment, name: &str) {
    let own = std::env::var_os(name);
    let wanted = environment.get(name);
    if wanted == own {
        return;
    }
    command.env(format!("{LOADER_PREFIX}{name}"), wanted.unwrap_or_default());
    match own {
        Some(value) => command.env(name, value),
        None => command.env_remove(name),
    };
}
