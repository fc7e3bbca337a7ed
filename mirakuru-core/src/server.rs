//! What a process is made of: a plan, and a supervisor that carries it out.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;

use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::exit::Exit;
use crate::log::Log;
use crate::plan::Plan;
use crate::probe::{Conditions, Found};
use crate::supervisor::{Client, Phase, Request, State};
use crate::sys;

/// How much longer than its time limit a stop may take until the supervisor counts as stuck.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How many lines of a server's output a failing test shows.
const LINES_SHOWN: usize = 50;

/// A server, started or not.
pub(crate) struct Server {
    // Dropped before the plan, whose folder the supervisor removes.
    client: Arc<Client>,
    pub(crate) plan: Plan,
    pub(crate) found: Found,
    pub(crate) stdin: Option<File>,
}

impl Server {
    pub(crate) fn start(plan: Plan, holds: Vec<OwnedFd>) -> Result<Self> {
        let conditions = conditions(&plan)?;
        let client = plan.launch(holds)?;
        let mut server = Self { client, plan, found: Found::default(), stdin: None };
        server.bring_up(conditions)?;
        Ok(server)
    }

    /// Starts the server again after it has ended.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        if self.state().phase == Phase::Lost {
            self.client.sweep_if_lost();
            self.plan.values.remove_dir();
            self.client = self.plan.launch(self.plan.values.hold_again())?;
        }
        let conditions = conditions(&self.plan)?;
        self.bring_up(conditions)
    }

    /// Runs the program below the supervisor and waits until it is ready.
    fn bring_up(&mut self, conditions: Conditions) -> Result<()> {
        let began = Instant::now();
        let (read, write) = self.plan.stdin()?;
        self.stdin = write;
        let state = self.client.start(read, began + self.plan.timeout);
        let state = state.map_err(|e| Error::os("the supervisor does not answer", e))?;
        match state.phase {
            Phase::Failed(errno) => return Err(self.explain(self.plan.cannot_run(errno))),
            Phase::NoFolder(errno) => return Err(self.explain(self.plan.no_folder(errno))),
            _ => {}
        }
        let what = conditions.what();
        let found = conditions.wait(&self.plan.values, &self.client, began, self.plan.timeout);
        let Plan { name, kill_signal, .. } = &self.plan;
        self.found = found.map_err(|error| {
            let error = self.explain(error.about(name));
            let _ = self.end(Request::Kill(kill_signal.number())); // Why is in the error already.
            error
        })?;
        events::started(name, self.state().main, began.elapsed(), &what);
        Ok(())
    }

    /// Brings the server to its end, if it has not come to it.
    pub(crate) fn end(&self, request: Request) -> Result<Exit> {
        let mut state = self.state();
        if state.is_running() {
            let _ = self.client.request(request); // If nobody hears it, the wait ends by that.
            let deadline = Instant::now() + self.plan.stop_timeout + STOP_GRACE;
            state = self
                .wait(deadline)
                .ok_or_else(|| self.failed(ErrorKind::Os, "does not end, even killed"))?;
            self.client.tell_stopped(&state);
        }
        self.client.sweep_if_lost();
        // Without a supervisor, the kernel has killed the server.
        let killed = Exit::new(ExitStatus::from_raw(libc::SIGKILL));
        Ok(state.ended().unwrap_or(killed))
    }

    /// Fails if anything of the server is running.
    pub(crate) fn leak_check(&self) -> Result<()> {
        let left = self.client.left();
        if left.is_empty() && !self.state().is_running() {
            return Ok(());
        }
        let describe =
            |pid: &i32| format!("{pid} (`{}`)", sys::command_line(*pid).unwrap_or_default());
        let left: Vec<_> = left.iter().map(describe).collect();
        Err(self.failed(ErrorKind::Leak, &format!("has left running: {}", left.join(", "))))
    }

    pub(crate) fn state(&self) -> State {
        self.client.state()
    }

    /// Waits until nothing of the server is left.
    pub(crate) fn wait(&self, deadline: Instant) -> Option<State> {
        self.client.wait(deadline, |state| !state.is_running())
    }

    /// Asks the supervisor for something that only a running server can do.
    pub(crate) fn request(&self, request: Request) -> Result<()> {
        if !self.state().is_running() {
            return Err(self.failed(ErrorKind::Exited, "has ended"));
        }
        self.client.request(request).map_err(|e| Error::os("the supervisor is gone", e))
    }

    /// A lease begins on the calling thread.
    pub(crate) fn begin_lease(&self) {
        self.plan.files.begin_lease();
        self.client.count_lease();
    }

    pub(crate) fn log(&self) -> Log {
        self.plan.files.log(Arc::downgrade(&self.client))
    }

    /// An error about the server, with all that is known of it.
    pub(crate) fn failed(&self, kind: ErrorKind, what: &str) -> Error {
        self.explain(Error::new(kind, format!("{} {what}", self.plan.name)))
    }

    fn explain(&self, error: Error) -> Error {
        let state = self.state();
        error.with_report(|report| {
            report.command = Some(self.plan.command_line());
            report.state = Some(state.to_string());
            report.output = Some(self.plan.files.tail());
            report.exit = report.exit.or(state.exit);
        })
    }

    /// Prints the state and the last lines to where the calling test prints.
    pub(crate) fn show_output(&self) {
        let (name, state) = (&self.plan.name, self.state());
        eprintln!("--- {name}: {state}, {}", self.log().excerpt(LINES_SHOWN));
    }
}

/// The conditions of one start, none of which holds before it.
fn conditions(plan: &Plan) -> Result<Conditions> {
    let mut conditions = plan.conditions()?;
    conditions.check_before_start().map_err(|error| error.about(&plan.name))?;
    Ok(conditions)
}
