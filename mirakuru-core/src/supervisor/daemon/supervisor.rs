//! The supervisor's loop: one thread that serves the users of one server, and ends when the server
//! has no users any more.

use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::Signal;

use super::chores::Chores;
use super::connections::{Connections, Received};
use super::kept::KeptUntil;
use super::launch::{self, LaunchFds};
use super::mode::{EndedSession, Mode};
use super::needs::Needs;
use super::output::OutputPipes;
use super::process_tree::ProcessTree;
use super::session_listener::{SessionFiles, SessionListener};
use super::source::Source;
use super::stages::Wave;
use crate::diagnostics::other_server;
use crate::supervisor::job::Launch;
use crate::supervisor::protocol::{Event, Request, Start};
use crate::syntax::numbers::EXTRA_FDS;
use crate::sys;

/// The supervisor of one server.
pub(super) struct Supervisor {
    tree: ProcessTree,
    signals: OwnedFd,
    /// Descriptors that are only kept open: they reserve ports and the log directory.
    kept_fds: Vec<OwnedFd>,
    pub(super) connections: Connections,
    readiness: Readiness,
    chores: Chores,
    /// The server cannot be used after the exclusive lease.
    is_dirty: bool,
    pub(super) mode: Mode<SessionListener>,
    kept_until: KeptUntil,
    needs: Needs,
    /// Set once the server is no longer shared.
    session_files: Option<SessionFiles>,
}

/// The progress of the last start of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Readiness {
    /// There was none, or the server was stopped on request.
    Stopped,
    /// A test process waits for it, and reads what the server announces.
    Starting,
    Ready,
}

impl Supervisor {
    /// Waits for a launch, and prepares all else before: most supervisors are forked in advance.
    pub(super) fn new() -> io::Result<Self> {
        sys::raise_fd_limit();
        let fd_slots = sys::FdSlots::reserve(EXTRA_FDS);
        let control_socket = UnixStream::from(sys::standard_fd(0)?);
        sys::new_session();
        let adopts = sys::become_subreaper();
        sys::ignore_signals();
        let (launch, LaunchFds { logs, kept }) = launch::receive(&control_socket)?;
        let Launch { settings, environment, job, .. } = launch;
        let (fd_slots, output) = (fd_slots?, OutputPipes::new(logs, settings.log_lengths)?);
        sys::set_name(other_server::SUPERVISOR);
        let wake_up = [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
        Ok(Self {
            tree: ProcessTree::new(settings, adopts, environment, job, output, fd_slots),
            signals: sys::signal_pipe(&wake_up)?,
            kept_fds: kept,
            connections: Connections::new(control_socket)?,
            readiness: Readiness::Stopped,
            chores: Chores::default(),
            is_dirty: false,
            mode: Mode::Private,
            kept_until: KeptUntil::default(),
            needs: Needs::default(),
            session_files: None,
        })
    }

    /// Runs until the server has no users any more and nothing of it is left.
    pub(super) fn run(mut self) {
        while !(self.mode.is_leaving() && self.tree.is_idle()) {
            self.wait();
            self.tree.reap();
            self.tree.escalate();
            self.broadcast_events();
            self.chores.do_if_due(&mut self.tree, self.readiness == Readiness::Ready);
            self.update_mode();
        }
        self.tree.remove_files();
        self.session_files.into_iter().for_each(SessionFiles::remove);
        self.chores.hide_command();
    }

    /// Sleeps until something happens, and handles it.
    fn wait(&mut self) {
        let sources = self.sources();
        let fds: Vec<_> = sources.iter().map(|(_, fd)| *fd).collect();
        let unsent = self.connections.unsent();
        let is_readable = sys::wait_ready(&fds, &unsent, self.timeout()).unwrap_or_default();
        let readable = sources.iter().zip(is_readable).filter(|(_, is_readable)| *is_readable);
        let readable: Vec<_> = readable.map(|((source, _), _)| *source).collect();
        self.connections.send_unsent();
        let may_have_orphans = readable.iter().any(|source| matches!(source, Source::Peer));
        if may_have_orphans || self.connections.poll_interval().is_some() {
            self.disconnect_orphans();
        }
        for source in readable {
            self.handle(source);
        }
    }

    fn sources(&self) -> Vec<(Source, BorrowedFd<'_>)> {
        let mut sources = vec![(Source::Signals, self.signals.as_fd())];
        sources.extend(self.connections.peers().map(|fd| (Source::Peer, fd)));
        sources.extend(self.tree.output().readable().map(|fd| (Source::Output, fd)));
        if let Mode::Shared { listener, .. } = &self.mode {
            sources.extend(listener.as_fd().map(|fd| (Source::Listener, fd)));
            sources.extend(listener.runner_fd().map(|fd| (Source::Runner, fd)));
        }
        // Before the connections: what requests a lease must not get a server that cannot stay.
        sources.extend(self.needs.readable().map(|fd| (Source::Needs, fd)));
        // While a test process waits for the server, it reads these itself.
        if self.readiness != Readiness::Starting {
            let fds = self.tree.readiness_fds().readable();
            sources.extend(fds.map(|fd| (Source::ReadinessFds, fd)));
        }
        sources.extend(self.connections.open().map(|(id, fd)| (Source::Connection(id), fd)));
        sources
    }

    fn timeout(&self) -> Option<Duration> {
        let listener = match &self.mode {
            Mode::Shared { listener, .. } => listener.timeout(),
            Mode::Private | Mode::Leaving => None,
        };
        let peers = self.connections.poll_interval();
        let (tree, needs, kept) =
            (self.tree.timeout(), self.needs.timeout(), self.kept_until.left());
        [tree, listener, peers, needs, kept, self.chores.timeout()].into_iter().flatten().min()
    }

    fn handle(&mut self, source: Source) {
        match source {
            Source::Signals => self.read_signals(),
            Source::Output => self.move_output(),
            Source::Listener => self.accept(),
            // If the server was started meanwhile, they are for the process that waits for it.
            Source::ReadinessFds if self.readiness == Readiness::Starting => {}
            Source::ReadinessFds => {
                if let Some(more) = self.tree.readiness_fds_mut().drain() {
                    self.tree.extend_stop(more);
                }
            }
            // It may have been removed since it became readable.
            Source::Connection(id) => self.serve_connection(id),
            // `disconnect_orphans` and `update_mode` look at these each time.
            Source::Peer | Source::Runner => {}
            Source::Needs => self.leave_if_lost(),
        }
    }

    fn read_signals(&mut self) {
        let mut numbers = [0; 64];
        let length = nix::unistd::read(&self.signals, &mut numbers).unwrap_or(0);
        if numbers[..length].iter().any(|number| i32::from(*number) != libc::SIGCHLD) {
            self.leave();
        }
    }

    /// Disconnects processes that have ended, even if forks of them hold the sockets open.
    fn disconnect_orphans(&mut self) {
        for id in self.connections.take_orphans() {
            // What it requested before its end still counts.
            self.serve_connection(id);
            self.disconnect(id);
        }
    }

    fn accept(&mut self) {
        let Mode::Shared { listener, .. } = &mut self.mode else { return };
        let Some(stream) = listener.accept() else { return };
        let Ok(id) = self.connections.add(stream) else { return };
        if let Some(main) = self.tree.main() {
            self.connections.send(id, Event::Started(main), &[]);
        }
    }

    /// Serves all requests of a connection that have arrived. Those of another connection are served
    /// after them: one that ended must be seen to have ended before what came later.
    fn serve_connection(&mut self, id: u64) {
        loop {
            match self.connections.receive(id) {
                Received::Request(request, fds) => self.serve(id, request, fds),
                Received::Nothing => return,
                Received::End => return self.disconnect(id),
            }
        }
    }

    fn serve(&mut self, id: u64, request: Request, fds: Vec<OwnedFd>) {
        match request {
            Request::KeepFds => self.kept_fds.extend(fds),
            Request::Start(what) => self.start(id, what, fds.into_iter().next()),
            Request::Dirty(is_dirty) => self.is_dirty = is_dirty,
            Request::RunStep => self.tree.run_step(fds.into_iter().next()),
            Request::Listen => self.tree.readiness_fds_mut().listen(fds),
            Request::Main(pid) => self.tree.announce_main(pid),
            Request::Ready => {
                self.readiness = Readiness::Ready;
                if sys::has_shm_files() {
                    self.tree.note_mapped();
                }
                self.chores.plan();
            }
            Request::Signal(signal) => self.tree.signal_main(signal),
            Request::Stop(signal) => self.stop(signal, Wave::Main),
            Request::Kill(signal) => self.stop(signal, Wave::All),
            Request::Pause => self.tree.signal_tree(libc::SIGSTOP),
            Request::Resume => self.tree.continue_all(),
            Request::Share { runner, started } => self.share(fds, runner, started),
            Request::Lease { test, access } => self.lease(id, test, access),
            Request::GiveUp => self.mode.queue().into_iter().for_each(|queue| queue.give_up(id)),
            Request::Count => self.send_lease_count(id),
            Request::KeepStdin => self.tree.stdin = fds.into_iter().next(),
            Request::TakeStdin => self.connections.pass(id, Event::Stdin, self.tree.stdin.take()),
            Request::KeepRunning(millis) => self.kept_until.set(millis),
            Request::Need => self.needs.add_needed(fds),
            Request::NeededBy(millis) => {
                self.needs.add_dependant(fds, Duration::from_millis(millis));
            }
            Request::Sync(number) => {
                self.move_output();
                self.connections.send(id, Event::Synced(number), &[]);
            }
        }
    }

    fn start(&mut self, id: u64, what: Start, fd: Option<OwnedFd>) {
        if self.mode.is_leaving() {
            return self.connections.send(id, Event::StartFailed(libc::ESHUTDOWN), &[]);
        }
        self.readiness = Readiness::Starting;
        self.tree.start(what, fd);
        self.chores.plan();
        for pipe in self.tree.output().readable() {
            self.connections.send(id, Event::OutputPipe, &[pipe]);
        }
        for (readiness_fd, fd) in self.tree.readiness_fds_mut().take_readable() {
            self.connections.send(id, Event::ReadinessFd(readiness_fd), &[fd.as_fd()]);
        }
    }

    fn stop(&mut self, signal: i32, wave: Wave) {
        self.readiness = Readiness::Stopped;
        self.tree.stop(signal, wave);
    }

    fn share(&mut self, fds: Vec<OwnedFd>, runner: i32, started: u64) {
        let Ok([socket, directory]) = <[_; 2]>::try_from(fds) else { return };
        match SessionListener::open(socket, directory, runner, started) {
            Some(listener) if self.mode.is_leaving() => self.session_files = Some(listener.close()),
            Some(listener) => self.mode.share(listener),
            None => self.leave(),
        }
    }

    fn disconnect(&mut self, id: u64) {
        let Mode::Shared { queue, .. } = &mut self.mode else {
            if self.mode.is_leaving() {
                // The test may have paused the server since its stop began.
                self.tree.continue_all();
            }
            return self.connections.close(id);
        };
        self.connections.remove(id);
        let was_exclusive = queue.is_exclusive();
        queue.remove(id);
        if was_exclusive && !queue.is_exclusive() {
            // The test that used the server alone may have paused it.
            self.tree.continue_all();
            if mem::take(&mut self.is_dirty) {
                self.close_session();
            }
        }
    }

    /// Decides, after each event, which requests are granted and whether the server still has users.
    fn update_mode(&mut self) {
        let is_kept = !self.tree.is_idle() && self.kept_until.left().is_some();
        match &mut self.mode {
            Mode::Leaving => self.stop_after_dependants(),
            Mode::Private if !is_kept && self.connections.open().next().is_none() => self.leave(),
            Mode::Private => {}
            Mode::Shared { listener, queue } => {
                let is_exclusive = queue.is_exclusive();
                if self.readiness != Readiness::Ready && !is_exclusive {
                    // The test that stopped or restarted it has ended, and what has become of the
                    // server is unknown.
                    self.tree.stop(libc::SIGKILL, Wave::All);
                }
                // A test with an exclusive lease may have stopped the server to start it again.
                let is_over = !listener.has_runner();
                if self.tree.is_idle() && !is_exclusive {
                    self.needs.dismiss();
                    self.close_session();
                    self.update_mode();
                } else if is_over && is_kept {
                    self.close_session();
                    self.update_mode();
                } else if is_over {
                    self.leave();
                } else if self.readiness == Readiness::Ready {
                    self.grant_next();
                }
            }
        }
    }

    /// Shares the server no longer. Queued requests are sent away to start another one, below another
    /// supervisor.
    fn close_session(&mut self) {
        let ended = self.mode.close_session();
        self.dismiss(ended);
    }

    /// Stops the server, after those that need it. The supervisor ends when nothing of it is left.
    fn leave(&mut self) {
        if self.mode.is_leaving() {
            return;
        }
        let ended = self.mode.leave();
        self.needs.dismiss();
        self.dismiss(ended);
        self.readiness = Readiness::Stopped;
        sys::set_name(other_server::ENDING_SUPERVISOR);
        // What needs it may have something to write before it ends.
        self.tree.continue_all();
        self.stop_after_dependants();
    }

    fn stop_after_dependants(&mut self) {
        self.needs.read();
        if !self.needs.has_dependants() {
            self.kept_fds.clear();
            self.tree.stop_for_good();
        } else if let Some(limit) = self.needs.new_limit(self.tree.stop_timeout()) {
            self.connections.broadcast(Event::StopExtended(limit.as_micros() as u64));
        }
    }

    /// Stops the server if one that it needs stops.
    pub(super) fn leave_if_lost(&mut self) {
        self.needs.read();
        if self.needs.is_lost() && !self.mode.is_leaving() {
            let why = "it is stopped, because a server that it needs has ended";
            self.tree.output_mut().add_line(why);
            self.leave();
        }
    }

    /// Closes the socket of a session that has ended, and revokes the queued requests.
    fn dismiss(&mut self, ended: Option<EndedSession<SessionListener>>) {
        if let Some(EndedSession { listener, queued }) = ended {
            // The socket goes first, so that no revoked process connects to it again.
            self.session_files = Some(listener.close());
            queued.into_iter().for_each(|id| self.revoke(id));
        }
    }

    /// Sends what has happened to the server, after its output until then was logged.
    fn broadcast_events(&mut self) {
        let events = self.tree.take_events();
        if !events.is_empty() {
            self.move_output();
        }
        if events.contains(&Event::TreeExited(1)) && self.connections.open().next().is_none() {
            // Perhaps no process is left that could say so.
            let why = "it did not end within its stop timeout and was killed";
            self.tree.output_mut().add_line(why);
        }
        events.into_iter().for_each(|event| self.connections.broadcast(event));
    }

    pub(super) fn move_output(&mut self) {
        if let Some(errno) = self.tree.output_mut().move_to_log() {
            self.connections.broadcast(Event::LogFailed(errno));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs::{self, File};
    use std::io::Read;
    use std::os::unix::net::UnixListener;
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::command::Environment;
    use crate::supervisor::protocol::ReadinessFd;
    use crate::supervisor::{Client, InheritedFds, Job, Phase, Settings, SupervisorCommand};

    /// Starts a shell script that writes a line to descriptor 3, and returns when it has.
    fn start(script: &str, dir: &Path) -> std::sync::Arc<Client> {
        let command = SupervisorCommand {
            name: "server".to_owned(),
            job: Job {
                command: ["/bin/sh", "sh", "-c", script].map(OsString::from).into(),
                ..Job::default()
            },
            environment: Environment::default(),
            logs: ["stdout", "stderr"].map(|name| File::create(dir.join(name)).unwrap()),
            settings: Settings {
                stop_signal: libc::SIGTERM,
                kill_signal: libc::SIGKILL,
                stop_timeout: Duration::from_secs(10),
                notify_socket: None,
                ready_fd: Some(3),
                dir: None,
                current_dir: None,
                log_lengths: [0; 2],
            },
        };
        let client = Client::launch(command, &InheritedFds::default()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        client.start(Start::SERVER, None, deadline).unwrap();
        let fd = client.take_readiness_fd(ReadinessFd::Ready).unwrap();
        File::from(fd).read_exact(&mut [0]).unwrap();
        client.request(Request::Ready).unwrap();
        // The answer shows that the request before it was served.
        client.request(Request::Count).unwrap();
        client.wait(deadline, |state| state.lease_count.is_some()).unwrap();
        client
    }

    #[test]
    fn a_server_that_is_shared_while_it_is_stopped_keeps_its_time_to_stop() {
        let dir = std::env::temp_dir().join(format!("mirakuru-share-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let script =
            "trap 'echo stopping; sleep 0.2; exit 3' TERM; echo >&3; while :; do sleep 0.02; done";
        let client = start(script, &dir);
        let listener = UnixListener::bind(dir.join("key.sock")).unwrap();
        let runner = std::process::id() as i32;
        let deadline = Instant::now() + Duration::from_secs(10);

        sys::kill(client.supervisor_pid(), libc::SIGTERM).unwrap();
        while fs::read(dir.join("stdout")).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the server was not asked to end");
            std::thread::yield_now();
        }
        let (directory, started) = (File::open(&dir).unwrap(), sys::start_time(runner));
        let started = started.unwrap_or_default();
        client.share(&listener, directory.as_fd(), runner, started).unwrap();

        let state = client.wait(deadline, |state| state.phase == Phase::Ended).unwrap();
        let exit = state.ended().unwrap();
        assert_eq!((exit.code(), exit.was_killed()), (Some(3), false), "{exit}");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_stop_that_arrives_behind_a_kill_does_not_soften_it() {
        let dir = std::env::temp_dir().join(format!("mirakuru-kill-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let client = start("trap '' TERM; echo >&3; while :; do sleep 0.02; done", &dir);
        // The supervisor finds both requests when it goes on.
        sys::kill(client.supervisor_pid(), libc::SIGSTOP).unwrap();
        client.request(Request::Kill(libc::SIGKILL)).unwrap();
        client.request(Request::Stop(libc::SIGTERM)).unwrap();
        sys::kill(client.supervisor_pid(), libc::SIGCONT).unwrap();

        let before_its_timeout = Instant::now() + Duration::from_secs(5);
        assert!(client.wait(before_its_timeout, |state| state.phase == Phase::Ended).is_some());
        fs::remove_dir_all(dir).unwrap();
    }
}
