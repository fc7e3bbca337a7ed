//! Starting a supervisor.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::client::Client;
use super::exit_hook::{GRACE, Registration};
use super::info::SupervisorInfo;
use super::launcher::{self, Launched, is_hang_up};
use crate::command::Environment;
use crate::diagnostics::other_server;
use crate::supervisor::job::{Job, Launch};
use crate::supervisor::protocol::Request;
use crate::supervisor::settings::Settings;
use crate::sys;

/// Descriptors for the supervisor. The test process keeps them too, for the next supervisor.
#[derive(Default)]
pub(crate) struct InheritedFds {
    /// Reserve ports.
    pub(crate) ports: Vec<OwnedFd>,
    /// Are passed to the server.
    pub(crate) listeners: Vec<OwnedFd>,
}

/// What a supervisor runs, and how.
pub(crate) struct SupervisorCommand {
    /// The name of the server in messages.
    pub(crate) name: String,
    pub(crate) job: Job,
    pub(crate) environment: Environment,
    /// Of standard output and standard error.
    pub(crate) logs: [File; 2],
    pub(crate) settings: Settings,
}

impl Client {
    /// Starts a supervisor that keeps `fds` open for its server, which is not started yet.
    pub(crate) fn launch(command: SupervisorCommand, fds: &InheritedFds) -> io::Result<Arc<Self>> {
        let registration = Registration::begin()?;
        let SupervisorCommand { name, job, environment, logs, settings } = command;
        let (stop_timeout, mark) = (settings.stop_timeout, new_mark());
        let mut environment = environment.variables();
        if let Some((name, value)) = mark.split_once('=') {
            // The tests may run below a server, which has a mark of its own.
            environment.retain(|(other, _)| other != name);
            environment.push((name.into(), value.into()));
        }
        // One wake-up less than if they came after it.
        let (ports, more_ports) = fds.ports.split_at(fds.ports.len().min(launcher::KEPT_MAX));
        let launch = Launch { settings, environment, job, kept_fds: ports.len() }.to_bytes();
        let Launched { control_socket, pid, process, cannot_begin } =
            launcher::launch(&logs, ports, &launch)?;
        control_socket.set_write_timeout(Some(GRACE))?;
        let started = sys::start_time(pid).unwrap_or_default();
        let info = SupervisorInfo { pid, started, mark, name, stop_timeout };
        let client = Self::new(control_socket, info, process, true);
        client.state.lock().cannot_begin = cannot_begin;
        let client = Arc::new(client);
        registration.complete(Arc::downgrade(&client) as _);
        let sent = client
            .send_in_parts(Request::KeepFds, more_ports)
            .and_then(|()| client.send_in_parts(Request::Listen, &fds.listeners));
        match sent {
            // The supervisor has ended. The start, which comes next, reports why.
            Err(error) if is_hang_up(&error) => Ok(client),
            sent => sent.map(|()| client),
        }
    }
}

/// Returns a variable with a value that no other server has.
fn new_mark() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    other_server::mark(COUNTER.fetch_add(1, Ordering::Relaxed))
}
