//! Starting a server, starting it again, and attaching to one that another process started.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::manifest::ServerManifest;
use super::needed::Needed;
use super::{Publication, Server, stop_later};
use crate::diagnostics::time_limit::Limit;
use crate::diagnostics::timeline::Track;
use crate::diagnostics::{events, port_owner};
use crate::error::{Error, ErrorKind, Result};
use crate::launch::plan::LaunchPlan;
use crate::launch::spec::ProcessSpec;
use crate::launch::step::Step;
use crate::output::OpenLogs;
use crate::readiness::{ConditionSet, Endpoint};
use crate::resources::placeholders::Placeholders;
use crate::supervisor::{Client, InheritedFds, Phase, Request, Start, is_hang_up};
use crate::sys;

impl Server {
    /// Starts a server, and returns when it is ready.
    pub(crate) fn start(
        plan: LaunchPlan,
        ports: Vec<OwnedFd>,
        needed: Vec<Needed>,
    ) -> Result<Self> {
        check_proc()?;
        // What seems to run already may be a server that a test has left to be stopped.
        let conditions = plan.conditions().or_else(|error| match stop_later::finish_stops() {
            true => plan.conditions(),
            false => Err(error),
        })?;
        let inherited_fds = InheritedFds { ports, listeners: plan.listen()? };
        let client = plan.launch(&inherited_fds)?;
        let endpoint = Endpoint::default();
        let mut server = Self {
            client,
            plan,
            endpoint,
            stdin: None,
            publication: None,
            needed,
            is_filled: false,
            is_set_up: false,
            stops_later: Arc::default(),
            open_logs: OpenLogs::default(),
            inherited_fds,
        };
        server.introduce_supervisors()?;
        server.bring_up(conditions).or_else(|error| {
            let is_retried = error.is_address_in_use() && server.wait_for_earlier_servers();
            if is_retried { server.start_again().map(drop) } else { Err(error) }
        })?;
        Ok(server)
    }

    /// Waits until servers of earlier runs, which are being stopped, have left the ports that the
    /// executor names. Returns false if there are none.
    fn wait_for_earlier_servers(&self) -> bool {
        let ports = self.plan.start_context().named_ports;
        let at_loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        port_owner::wait_for_ends(&ports.into_iter().map(at_loopback).collect::<Vec<_>>())
    }

    /// Attaches to a server that another process has started.
    pub(crate) fn attach(
        spec: &ProcessSpec,
        stream: UnixStream,
        manifest: ServerManifest,
        path: PathBuf,
        needed: Vec<Needed>,
    ) -> Result<Self> {
        check_proc()?;
        let ServerManifest { key, ports, dir, bins, endpoint, .. } = manifest;
        let values = Placeholders::of_running_server(
            ports,
            dir,
            bins,
            spec.captured(),
            spec.others.clone(),
        )?;
        values.set_captured(manifest.captured);
        let plan = LaunchPlan::of_another(spec, values, manifest.program, manifest.files)?;
        let client = Client::attach(stream, manifest.supervisor);
        Ok(Self {
            client,
            plan,
            endpoint,
            stdin: None,
            publication: Some(Publication { path, key }),
            needed,
            is_filled: true,
            is_set_up: true,
            stops_later: Arc::default(),
            open_logs: OpenLogs::default(),
            inherited_fds: InheritedFds::default(),
        })
    }

    /// Starts the server again after it has ended, with the same ports and directory. Returns true if it
    /// had to be set up again: its supervisor was killed.
    pub(crate) fn start_again(&mut self) -> Result<bool> {
        if self.state().is_disconnected {
            self.replace_supervisor()?;
        }
        let conditions = self.plan.conditions()?;
        let is_new = !self.is_set_up;
        self.bring_up(conditions).map(|()| is_new)
    }

    /// Launches a new supervisor where the previous one was killed.
    fn replace_supervisor(&mut self) -> Result<()> {
        // The new server belongs to this process alone. Others may have started and published a
        // shared one by now; the manifest of the old one would have them remove the directory.
        if let Some(Publication { path, .. }) = self.publication.take() {
            ServerManifest::sweep(&path);
        }
        self.client.sweep_if_lost();
        self.plan.remove_files();
        if self.inherited_fds.listeners.is_empty() {
            self.inherited_fds.listeners = self.plan.listen()?;
        }
        self.client = self.plan.launch(&self.inherited_fds)?;
        self.introduce_supervisors()?;
        (self.is_filled, self.is_set_up) = (false, false);
        Ok(())
    }

    /// Sets up the server, runs its program below the supervisor, and waits until it is ready.
    fn bring_up(&mut self, conditions: ConditionSet) -> Result<()> {
        let began = Instant::now();
        let track = self.track();
        track.iter().for_each(Track::starts);
        let outcome = self.bring_up_since(began, conditions);
        match (&outcome, &track) {
            (Err(error), Some(track)) => track.failed(began, &error.to_string()),
            (Ok(why), Some(track)) => track.ready(began, why),
            (_, None) => {}
        }
        outcome.map(drop)
    }

    /// Returns why it is ready.
    fn bring_up_since(&mut self, began: Instant, mut conditions: ConditionSet) -> Result<String> {
        let is_again = self.is_set_up;
        if self.prepare(began).inspect_err(|_| self.abandon())? {
            // They look at what has changed since.
            conditions = self.plan.conditions()?;
        }
        let (stdin, write) = self.plan.stdin().map_err(|error| error.about(&self.plan.name))?;
        self.stdin = write;
        let what = Start { is_step: false, writes_files: self.plan.set_up.before_start.is_empty() };
        self.run_program(what, None, stdin, began)?;
        if self.plan.external.is_some() {
            self.client.suppress_end_report(); // It is the end of what stands for the server.
        }
        let start_context = self.plan.start_context();
        let endpoint = conditions.wait(&start_context, &self.client, began, self.plan.timeout);
        self.endpoint = endpoint.map_err(|error| {
            let error = self.explain(error.about(&self.plan.name));
            self.abandon();
            match (&self.plan.external, error.kind()) {
                (Some(external), ErrorKind::Timeout) => error.with_help(external.help()),
                _ => error,
            }
        })?;
        if self.plan.values.has_captures() {
            // Captured values differ from start to start, so attached processes need the new ones.
            self.publish_manifest().inspect_err(|_| self.abandon())?;
        }
        if !self.is_set_up {
            self.run_after_ready(began).inspect_err(|_| self.abandon())?;
            self.is_set_up = true;
        }
        if self.publication.is_some() {
            self.hand_over_stdin();
        }
        let _ = self.client.request(Request::Ready); // It fails only if the server has just ended.
        let why = conditions.describe();
        self.report_start(began.elapsed(), &why, is_again);
        Ok(why)
    }

    fn report_start(&self, elapsed: Duration, why: &str, is_again: bool) {
        let name = &self.plan.name;
        match &self.plan.external {
            Some(external) => events::uses_external(name, &external.to_string(), elapsed, why),
            None if is_again => events::restarted(name, self.state().main, elapsed, why),
            None => events::started(name, self.state().main, elapsed, why),
        }
    }

    /// Runs what comes before the server. Returns true if there was something.
    fn prepare(&mut self, began: Instant) -> Result<bool> {
        let is_filled = !self.is_filled && self.fill_dir(began)?;
        self.is_filled = true;
        Ok(self.run_before_start(began)? || is_filled)
    }

    /// Returns when the program runs: that of the server, or of a step before it.
    pub(super) fn run_program(
        &self,
        what: Start,
        step: Option<&Step>,
        fd: Option<OwnedFd>,
        began: Instant,
    ) -> Result<()> {
        let state = self.client.start(what, fd, began + self.plan.timeout);
        let state = state.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                let limit = Limit(self.plan.timeout);
                let what = format!("not ready within {limit}: its program does not run yet");
                self.explain(Error::new(ErrorKind::Timeout, what).about(&self.plan.name))
            }
            _ if is_hang_up(&error) => self.without_supervisor(),
            _ => Error::os("the supervisor does not answer", error),
        })?;
        self.plan.interrupt.iter().for_each(|interrupt| interrupt.on_start());
        match state.phase {
            Phase::StartFailed(errno) => {
                Err(self.explain(self.plan.cannot_run(step, errno).about(&self.plan.name)))
            }
            Phase::NoDirectory(errno) => {
                Err(self.explain(self.plan.no_directory(errno).about(&self.plan.name)))
            }
            Phase::NoSocket(errno) => {
                Err(self.explain(self.plan.no_socket(errno).about(&self.plan.name)))
            }
            Phase::NoFile(file, errno) => {
                Err(self.explain(self.plan.no_file(file, errno).about(&self.plan.name)))
            }
            Phase::Starting | Phase::SupervisorKilled | Phase::Refused(_) => {
                Err(self.without_supervisor())
            }
            Phase::Running | Phase::Ended => Ok(()),
        }
    }

    /// Returns the error for a start that the supervisor did not survive.
    fn without_supervisor(&self) -> Error {
        match self.client.state().cannot_begin {
            true => {
                let error = Error::new(ErrorKind::Os, "its supervisor could not begin");
                let error = self.explain(error.about(&self.plan.name));
                let error = error.with_report(|report| report.state = Some("not started".into()));
                error.with_help("its output says why; it needs `/dev/null` and 64 file descriptors")
            }
            false => self.failed(ErrorKind::Exited, "was killed with its supervisor"),
        }
    }

    /// Stops a server that did not start properly: a killed one would leave shared memory behind.
    fn abandon(&self) {
        let stop = Request::Stop(self.plan.stop_signal.number());
        let _ = self.end(stop); // The error that led here says more than one about the stop.
    }
}

/// Fails if `/proc` does not show this process. Process ids that are read there would be those of others.
fn check_proc() -> Result<()> {
    let what = match sys::proc_self() {
        Ok(pid) if pid == std::process::id() => return Ok(()),
        Err(_) if !Path::new("/proc/self").is_symlink() => "`/proc` is not mounted",
        Ok(_) | Err(_) => "`/proc` is that of another PID namespace",
    };
    let help =
        "mount it in the PID namespace of the tests, as `unshare --pid --fork --mount-proc` does";
    Err(Error::new(ErrorKind::Os, what).with_help(help))
}
