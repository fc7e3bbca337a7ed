//! What a process is made of: a plan, and a supervisor that carries it out.

pub(crate) mod failure_report;
pub(crate) mod manifest;

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::libc;

use crate::diagnostics::events;
use crate::diagnostics::port_owner;
use crate::diagnostics::progress::Progress;
use crate::error::{Error, ErrorKind, Result, Seconds};
use crate::launch::plan::LaunchPlan;
use crate::launch::spec::ProcessSpec;
use crate::output::Log;
use crate::readiness::{Conditions, Endpoint};
use crate::resources::placeholders::Placeholders;
use crate::server::failure_report::ServerSnapshot;
use crate::server::manifest::ServerManifest;
use crate::supervisor::{Client, InheritedFds, LeaseStatus, Phase, Request, State};
use crate::sys;
use crate::types::Exit;

/// How much longer than its time limit a stop may take until the supervisor counts as stuck.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// How long after the end of the main process others may be on their way to their own.
const SETTLE: Duration = Duration::from_millis(50);

/// How often those who watch a wait for a lease may be told.
const TELL_STEP: Duration = Duration::from_millis(100);

/// How long to wait for signals to arrive until the tree is looked at again.
const PAUSE_STEP: Duration = Duration::from_micros(500);

/// A server, started or not.
pub(crate) struct Server {
    // Dropped before the plan, whose folder the supervisor removes.
    client: Arc<Client>,
    pub(crate) plan: LaunchPlan,
    pub(crate) found: Endpoint,
    pub(crate) stdin: Option<File>,
    /// Where others read what they need to join, once they may.
    published: Option<Published>,
    /// What the next supervisor needs, should this one be killed.
    holds: InheritedFds,
}

/// What is known of a server, in a file.
pub(crate) struct Published {
    pub(crate) path: PathBuf,
    pub(crate) key: String,
}

impl Server {
    pub(crate) fn start(plan: LaunchPlan, ports: Vec<OwnedFd>) -> Result<Self> {
        let conditions = plan.conditions()?;
        let holds = InheritedFds { ports, listeners: plan.listen()? };
        let client = plan.launch(&holds)?;
        let found = Endpoint::default();
        let mut server = Self { client, plan, found, stdin: None, published: None, holds };
        server.bring_up(conditions)?;
        Ok(server)
    }

    /// Joins those who use a server that another process has started.
    pub(crate) fn attach(
        spec: &ProcessSpec,
        stream: UnixStream,
        manifest: ServerManifest,
        path: PathBuf,
    ) -> Result<Self> {
        let published = Some(Published { path, key: manifest.key });
        let ServerManifest { remote, ports, dir, found, captured, files, .. } = manifest;
        let values = Placeholders::of_another(ports, dir, spec.captured())?;
        values.capture(captured);
        let plan = LaunchPlan::of_another(spec, values, files)?;
        let client = Client::attach(stream, remote);
        Ok(Self { client, plan, found, stdin: None, published, holds: InheritedFds::default() })
    }

    /// Writes down what another process needs to join, now and after each start.
    pub(crate) fn post(&mut self, published: Published) -> Result<()> {
        self.published = Some(published);
        self.publish_manifest()
    }

    fn publish_manifest(&self) -> Result<()> {
        let Some(Published { path, key }) = &self.published else { return Ok(()) };
        let written = sys::write_atomically(path, &self.manifest(key).to_text());
        written.map_err(|e| Error::os(format!("`{}` cannot be written", path.display()), e))
    }

    /// Reads what another process has written since this one has joined.
    pub(crate) fn reload_manifest(&mut self) {
        let path = self.published.as_ref().filter(|_| self.plan.values.is_told());
        let path = path.map(|published| &published.path);
        let manifest =
            path.and_then(|path| ServerManifest::from_text(&fs::read_to_string(path).ok()?));
        if let Some(ServerManifest { found, captured, .. }) = manifest {
            self.found = found;
            self.plan.values.capture(captured);
        }
    }

    fn manifest(&self, key: &str) -> ServerManifest {
        let LaunchPlan { values, files, .. } = &self.plan;
        ServerManifest {
            key: key.to_owned(),
            remote: self.client.remote(),
            ports: values.ports().clone(),
            dir: values.dir().map(Path::to_owned),
            found: self.found.clone(),
            captured: values.captured(),
            files: files.clone(),
        }
    }

    /// Lets others use the server too, as long as the runner lives.
    pub(crate) fn share(
        &mut self,
        listener: &UnixListener,
        runner: i32,
        started: u64,
    ) -> Result<()> {
        let shared = self.client.share(listener, runner, started);
        shared.map_err(|e| Error::os("the supervisor is gone", e))?;
        self.plan.disarm();
        Ok(())
    }

    /// Asks the supervisor for a lease and waits for it. False if the server has ended meanwhile.
    pub(crate) fn lease(&self, test: u64, exclusive: bool, patience: Duration) -> Result<bool> {
        if self.client.request(Request::Lease { test, exclusive }).is_err() {
            return Ok(false);
        }
        let mut progress = Progress::new(Instant::now(), patience);
        loop {
            let Some(state) = self.next_turn(patience, &mut progress) else {
                return Err(self.busy(patience));
            };
            match state.lease {
                LeaseStatus::Granted(users) if state.is_running() => {
                    events::leased(&self.plan.name, users, exclusive);
                    return Ok(true);
                }
                LeaseStatus::SelfDeadlock => return Err(Error::leased_by_itself(&self.plan.name)),
                LeaseStatus::Granted(_) | LeaseStatus::Revoked => return Ok(false),
                LeaseStatus::Queued if state.is_disconnected => return Ok(false),
                // Somebody else got it or gave it back. That is what patience is for.
                LeaseStatus::Queued => {}
            }
        }
    }

    /// Waits until the request for a lease is answered, or others have got or given back theirs.
    fn next_turn(&self, patience: Duration, progress: &mut Progress) -> Option<State> {
        let before = self.state().hand_overs;
        let deadline = sys::deadline_after(patience);
        let answered =
            |state: &State| state.lease != LeaseStatus::Queued || state.hand_overs != before;
        let waits_for = || format!("a lease of {}, held by {}", self.plan.name, self.holder());
        loop {
            let step = deadline.min(Instant::now() + TELL_STEP);
            if let Some(state) = self.client.wait(step, answered) {
                return Some(state);
            }
            if Instant::now() >= deadline {
                return None;
            }
            progress.tick(&waits_for, "");
        }
    }

    /// How many leases there are, if the supervisor still tells.
    pub(crate) fn count_leases(&self) -> Option<usize> {
        self.client.request(Request::Count).ok()?;
        let deadline = Instant::now() + STOP_GRACE;
        self.client.wait(deadline, |state| state.lease_count.is_some())?.lease_count
    }

    fn busy(&self, patience: Duration) -> Error {
        Error::not_given_back(&self.plan.name, patience, &self.holder())
    }

    /// A process that has a lease, for a message.
    fn holder(&self) -> String {
        if self.state().lease_count.is_none() {
            let _ = self.count_leases(); // It tells who has one, too.
        }
        let holder = self.state().holder_pid;
        let test = sys::variable_of(holder, "NEXTEST_TEST_NAME");
        let who = test.or_else(|| sys::command_line(holder)).unwrap_or_default();
        format!("pid {holder} (`{who}`)")
    }

    /// Starts the server again after it has ended.
    pub(crate) fn start_again(&mut self) -> Result<()> {
        if self.state().is_disconnected {
            self.client.sweep_if_lost();
            self.plan.remove_files();
            if self.holds.listeners.is_empty() {
                self.holds.listeners = self.plan.listen()?;
            }
            self.client = self.plan.launch(&self.holds)?;
            // It is for nobody else. Others may have started one that is, and published that.
            self.published = None;
        }
        let conditions = self.plan.conditions()?;
        self.bring_up(conditions)
    }

    /// Runs the program below the supervisor and waits until it is ready.
    fn bring_up(&mut self, mut conditions: Conditions) -> Result<()> {
        let began = Instant::now();
        let (read, write) = self.plan.stdin().map_err(|error| error.about(&self.plan.name))?;
        self.stdin = write;
        let state = self.client.start(read, began + self.plan.timeout);
        let state = state.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                let limit = Seconds(self.plan.timeout);
                let what = format!("not ready within {limit}: its program does not run yet");
                self.explain(Error::new(ErrorKind::Timeout, what).about(&self.plan.name))
            }
            _ => Error::os("the supervisor does not answer", error),
        })?;
        match state.phase {
            Phase::Failed(errno) => {
                return Err(self.explain(self.plan.cannot_run(errno).about(&self.plan.name)));
            }
            Phase::NoFolder(errno) => {
                return Err(self.explain(self.plan.no_folder(errno).about(&self.plan.name)));
            }
            Phase::Starting | Phase::SupervisorKilled => {
                return Err(self.failed(ErrorKind::Exited, "was killed with its supervisor"));
            }
            _ => {}
        }
        let start_context = self.plan.start_context();
        let found = conditions.wait(&start_context, &self.client, began, self.plan.timeout);
        let LaunchPlan { name, kill_signal, .. } = &self.plan;
        self.found = found.map_err(|error| {
            let error = self.explain(error.about(name));
            let _ = self.end(Request::Kill(kill_signal.number())); // Why is in the error already.
            error
        })?;
        if self.plan.values.is_told() {
            // Others could not find it.
            self.publish_manifest()
                .inspect_err(|_| drop(self.end(Request::Kill(kill_signal.number()))))?;
        }
        let _ = self.client.request(Request::Ready); // If nobody hears it, it has just ended.
        events::started(name, self.state().main, began.elapsed(), &conditions.what());
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
        let left: Vec<_> = left.iter().map(|pid| port_owner::describe(*pid)).collect();
        let what = format!("has left running: {}", left.join(", "));
        Err(self.failed(ErrorKind::Leak, &what).with_help(match self.state().is_running() {
            true => "it has not been stopped: `stop` ends it with all that it has spawned",
            false => "these have got away from its supervisor: end them by their pids",
        }))
    }

    /// How a main process ended that was followed by another, if it was no launcher that had done
    /// its work.
    pub(crate) fn crash(&self) -> Option<Exit> {
        self.state().previous_main_exit.filter(|launcher| !launcher.success())
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

    /// A lease ends. A test that fails shows what the server wrote meanwhile.
    pub(crate) fn end_lease(&self) {
        if std::thread::panicking() {
            self.show_output();
        }
        self.plan.files.end_lease();
    }

    /// Pauses everything of the server.
    pub(crate) fn pause(&self) -> Result<()> {
        let deadline = Instant::now() + self.plan.stop_timeout;
        while Instant::now() < deadline {
            // Again each time, because what is not paused yet may have spawned more.
            self.request(Request::Pause)?;
            let tree = sys::descendants_of(self.client.supervisor_pid());
            if tree.into_iter().all(sys::is_paused) {
                return Ok(());
            }
            self.client.wait(Instant::now() + PAUSE_STEP, |state| !state.is_running());
        }
        Err(self.failed(ErrorKind::Timeout, "cannot be paused"))
    }

    pub(crate) fn log(&self) -> Log {
        Log::new(&self.plan.files, Arc::downgrade(&self.client))
    }

    /// An error about the server, with all that is known of it.
    pub(crate) fn failed(&self, kind: ErrorKind, what: &str) -> Error {
        self.explain(Error::new(kind, format!("{} {what}", self.plan.name)))
    }

    fn explain(&self, error: Error) -> Error {
        let mut state = self.state();
        if state.is_running() && state.exit.is_some() {
            // The main process has ended. Whether others are left is about to be told.
            let settled = self.client.wait(Instant::now() + SETTLE, |state| !state.is_running());
            state = settled.unwrap_or(state);
        }
        let error = error.with_report(|report| {
            report.command = Some(self.plan.command_line());
            report.state = Some(state.to_string());
            report.output = Some(self.plan.files.tail());
            report.exit = report.exit.or(state.exit);
        });
        self.plan.with_holder(error, self.client.supervisor_pid())
    }

    /// What can tell of the server when it is gone.
    pub(crate) fn witness(&self) -> ServerSnapshot {
        ServerSnapshot::new(&self.plan.name, &self.client, self.log())
    }

    /// Tells that the server ended while somebody had a lease on it.
    pub(crate) fn tell_died(&self) {
        events::died(&self.plan.name, self.state().exit);
        self.show_output();
    }

    /// Prints the state and the last lines to where the calling test prints, unless the test has
    /// shown them already.
    pub(crate) fn show_output(&self) {
        failure_report::show(&[self.witness()]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // That nobody writes to it any more is what some programs wait for.
        self.stdin = None;
        // Not left to the drop of the client, which a thread that reads the log may hold.
        self.client.close();
    }
}
