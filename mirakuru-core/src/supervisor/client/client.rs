//! The test process's end of the control socket.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::libc;
use parking_lot::Mutex;

use super::exit_hook::{self, GRACE, StopAtExit};
use super::info::SupervisorInfo;
use super::launcher;
use super::state::{Phase, State};
use crate::diagnostics::{events, log_dir, timeline};
use crate::supervisor::protocol::{Event, FRAME_LEN, Frame, ReadinessFd, Request, Start};
use crate::sys;

/// The interval at which a thread checks for events that another thread has read.
const RECHECK_INTERVAL: Duration = Duration::from_millis(20);

/// A connection to a supervisor. The supervisor stops its server when the last one is closed.
pub(crate) struct Client {
    stream: UnixStream,
    info: SupervisorInfo,
    /// The supervisor, if this process has started it and it lived then.
    process: Option<Arc<sys::Process>>,
    /// This process has started the supervisor.
    pub(crate) is_starter: bool,
    /// The supervisor outlives this client.
    pub(super) is_shared: AtomicBool,
    /// The server outlives the tests.
    pub(super) is_kept: AtomicBool,
    pub(super) state: Mutex<State>,
    /// The ends of the server's readiness descriptors that this process reads, until they are taken.
    readiness_fds: Mutex<Vec<(ReadinessFd, OwnedFd)>>,
    /// The pipes that the supervisor moves into the log, if this process has started it.
    pub(super) output_pipes: Mutex<Vec<OwnedFd>>,
    /// The writing end of the server's standard input, if this process has asked for it.
    pub(super) stdin: Mutex<Option<OwnedFd>>,
    /// The number of the last `Request::Sync`.
    pub(super) syncs: AtomicI32,
    leases: AtomicU64,
    /// A stop was requested since the last start.
    stop_requested: AtomicBool,
    /// A kill was requested since the last start.
    kill_requested: AtomicBool,
    /// The end of the last start was reported to the user, or is not to be.
    is_end_reported: AtomicBool,
    /// The process that made this client. A copy in a fork of it does nothing.
    owner: u32,
}

impl Client {
    /// Uses the supervisor of a server that another process has started.
    pub(crate) fn attach(stream: UnixStream, info: SupervisorInfo) -> Arc<Self> {
        let client = Self::new(stream, info, None, false);
        client.is_shared.store(true, Ordering::Relaxed);
        Arc::new(client)
    }

    pub(super) fn new(
        stream: UnixStream,
        info: SupervisorInfo,
        process: Option<sys::Process>,
        is_starter: bool,
    ) -> Self {
        Self {
            stream,
            info,
            is_starter,
            process: process.map(Arc::new),
            is_shared: AtomicBool::new(false),
            is_kept: AtomicBool::new(false),
            state: Mutex::new(State::new(Phase::Ended)),
            readiness_fds: Mutex::default(),
            output_pipes: Mutex::default(),
            stdin: Mutex::default(),
            syncs: AtomicI32::new(0),
            leases: AtomicU64::new(0),
            stop_requested: AtomicBool::new(false),
            kill_requested: AtomicBool::new(false),
            is_end_reported: AtomicBool::new(true),
            owner: std::process::id(),
        }
    }

    /// Returns what another process needs to attach.
    pub(crate) fn info(&self) -> SupervisorInfo {
        self.info.clone()
    }

    /// Shares the server with other processes, which connect to `listener`, until the runner ends.
    pub(crate) fn share(
        &self,
        listener: &UnixListener,
        directory: BorrowedFd<'_>,
        runner: i32,
        started: u64,
    ) -> io::Result<()> {
        self.send(Request::Share { runner, started }, &[listener.as_fd(), directory])?;
        self.is_shared.store(true, Ordering::Relaxed);
        // While the server lives, no other run removes its log.
        log_dir::log_dir_lock().map_or(Ok(()), |lock| self.keep(lock))
    }

    /// Lets the supervisor keep a copy of a descriptor open.
    pub(crate) fn keep(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.send(Request::KeepFds, &[fd])
    }

    /// Starts the server, or a step before it, and returns when the program runs or cannot be run.
    pub(crate) fn start(
        &self,
        what: Start,
        fd: Option<OwnedFd>,
        deadline: Instant,
    ) -> io::Result<State> {
        {
            let mut state = self.state.lock();
            let State { lease, synced, is_disconnected, cannot_begin, .. } = *state;
            *state = State {
                lease,
                synced,
                is_disconnected,
                cannot_begin,
                ..State::new(Phase::Starting)
            };
            self.readiness_fds.lock().clear();
            self.output_pipes.lock().clear();
        }
        self.stop_requested.store(false, Ordering::Relaxed);
        self.kill_requested.store(false, Ordering::Relaxed);
        self.send(Request::Start(what), fd.as_ref().map(AsFd::as_fd).as_slice())?;
        let state = self.wait(deadline, |state| state.phase != Phase::Starting);
        self.is_end_reported.store(what.is_step, Ordering::Relaxed);
        launcher::prepare_next();
        state.ok_or_else(|| {
            io::Error::new(io::ErrorKind::TimedOut, "the supervisor does not answer")
        })
    }

    /// Runs the step in a file beside the server.
    pub(crate) fn run_step(&self, job: &File) -> io::Result<()> {
        self.state.lock().step = None;
        self.send(Request::RunStep, &[job.as_fd()])
    }

    pub(crate) fn request(&self, request: Request) -> io::Result<()> {
        if matches!(request, Request::Stop(_) | Request::Kill(_)) {
            self.stop_requested.store(true, Ordering::Relaxed);
        }
        if matches!(request, Request::Kill(_)) {
            self.kill_requested.store(true, Ordering::Relaxed);
        }
        self.send(request, &[])
    }

    pub(super) fn send(&self, request: Request, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        sys::send(&self.stream, &request.to_bytes(), fds)
    }

    /// Sends more descriptors than one message can carry.
    pub(super) fn send_in_parts(&self, request: Request, fds: &[OwnedFd]) -> io::Result<()> {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        fds.chunks(sys::FDS_MAX).try_for_each(|part| self.send(request, part))
    }

    /// Takes the reading end of a readiness descriptor of the server that is starting. It arrives
    /// after the start, once.
    pub(crate) fn take_readiness_fd(&self, wanted: ReadinessFd) -> Option<OwnedFd> {
        self.drain_events(&mut self.state.lock());
        let mut fds = self.readiness_fds.lock();
        let at = fds.iter().position(|(readiness_fd, _)| *readiness_fd == wanted)?;
        Some(fds.swap_remove(at).1)
    }

    /// Returns what is known of the server now.
    pub(crate) fn state(&self) -> State {
        let mut state = self.state.lock();
        self.drain_events(&mut state);
        *state
    }

    /// Waits until `until` holds or the supervisor is gone. Returns none at the deadline.
    pub(crate) fn wait(&self, deadline: Instant, until: impl Fn(&State) -> bool) -> Option<State> {
        loop {
            let state = self.state();
            if until(&state) || state.is_disconnected {
                return Some(state);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            // The lock is released meanwhile, so that other threads can read events. If one of them
            // reads what this thread waits for, nothing wakes this thread but the interval.
            let step = left.min(RECHECK_INTERVAL);
            sys::wait_readable(&[self.stream.as_fd()], Some(step)).ok()?;
        }
    }

    /// Waits like `wait`, as long as a stop may take. Returns none if it takes longer.
    pub(crate) fn wait_for_stop(&self, until: impl Fn(&State) -> bool) -> Option<State> {
        let mut deadline = Instant::now() + self.info.stop_timeout + GRACE;
        loop {
            if let Some(state) = self.wait(deadline, &until) {
                return Some(state);
            }
            let extended = self.state().extended_until.map(|extended| extended + GRACE);
            deadline = extended.filter(|extended| *extended > deadline)?;
        }
    }

    /// Returns true if a stop was requested since the last start.
    pub(crate) fn stop_requested(&self) -> bool {
        self.stop_requested.load(Ordering::Relaxed)
    }

    /// Kills what a killed supervisor has left. The kernel has killed only the main process.
    pub(crate) fn sweep_if_lost(&self) {
        let state = self.state();
        // The connection may also have been closed on this side.
        if state.phase == Phase::SupervisorKilled && self.info.sweep() {
            // The environment of a process, and the mark in it, is gone before its sockets are.
            sys::wait_if_ending(state.main, Instant::now() + GRACE);
        }
    }

    /// Returns all processes of the server that can be found.
    pub(crate) fn left(&self) -> Vec<i32> {
        let mut left = sys::marked(&self.info.mark);
        left.retain(|pid| *pid != self.info.pid);
        left.extend(sys::descendants_of(self.info.pid));
        left.sort_unstable();
        left.dedup();
        left
    }

    /// Returns the descriptor that becomes readable when the state changes.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Returns the name of the server in messages.
    pub(crate) fn name(&self) -> &str {
        &self.info.name
    }

    /// Returns the supervisor, which every process of the server descends from.
    pub(crate) fn supervisor_pid(&self) -> i32 {
        self.info.pid
    }

    /// Applies all events that have arrived.
    fn drain_events(&self, state: &mut State) {
        while !state.is_disconnected {
            let mut bytes = [0; FRAME_LEN];
            match sys::receive(&self.stream, &mut bytes) {
                Ok((FRAME_LEN, fds)) => self.apply(state, Event::from_bytes(bytes), fds),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                _ => return state.disconnect(),
            }
        }
    }

    fn apply(&self, state: &mut State, event: Option<Event>, fds: Vec<OwnedFd>) {
        match event {
            Some(Event::ReadinessFd(readiness_fd)) => {
                self.readiness_fds.lock().extend(fds.into_iter().map(|fd| (readiness_fd, fd)));
            }
            Some(Event::OutputPipe) => self.output_pipes.lock().extend(fds),
            Some(Event::Stdin) => *self.stdin.lock() = fds.into_iter().next(),
            Some(event) => {
                state.apply(event);
                match (event, self.is_starter) {
                    (Event::LogFailed(errno), true) => events::log_failed(self.name(), errno),
                    (Event::OrphansAreLost, _) => events::orphans_are_lost(),
                    _ => {}
                }
            }
            None => {}
        }
    }

    /// Counts one more lease, for the report of the end.
    pub(crate) fn count_lease(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    /// Reports the end of this start to no one.
    pub(crate) fn suppress_end_report(&self) {
        self.is_end_reported.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_end_reported(&self) -> bool {
        self.is_end_reported.load(Ordering::Relaxed)
    }

    /// Reports the end of the server as an event, once for each start.
    pub(crate) fn report_end(&self, state: &State) {
        if !self.is_end_reported.swap(true, Ordering::Relaxed) {
            events::stopped(self.name(), state.exit, self.leases.swap(0, Ordering::Relaxed));
            self.note_end(state);
            let is_forced = state.exit.is_some_and(|exit| exit.was_killed());
            if is_forced && !self.kill_requested.load(Ordering::Relaxed) {
                events::killed(self.name(), self.info.stop_timeout);
            }
            if let Phase::Refused(pid) = state.phase {
                events::left_running(self.name(), pid);
            }
        }
    }

    /// Notes the end of the server for the page of the run.
    pub(crate) fn note_end(&self, state: &State) {
        let how = || state.exit.map_or_else(|| "ended".to_owned(), |exit| exit.to_string());
        timeline::ended(self.info.pid, how);
    }

    /// Continues a supervisor that was paused: a server can send SIGSTOP to its parent.
    fn resume_supervisor(&self) {
        self.process.iter().for_each(|process| process.signal(libc::SIGCONT));
    }

    /// Begins what `close` does, and does not wait for the end of the server.
    pub(crate) fn begin_close(&self) {
        self.stop_requested.store(true, Ordering::Relaxed);
        self.release();
    }

    /// Ends the use of the server. If it is not shared, it has ended when this returns.
    pub(crate) fn close(&self) {
        let is_owner = self.owner == std::process::id();
        // A fork must not read the events of its parent.
        if is_owner && self.state().is_running() {
            self.stop_requested.store(true, Ordering::Relaxed);
        }
        if is_owner && self.is_shared.load(Ordering::Relaxed) {
            self.sweep_if_lost();
            // The connection ends even if a fork has a copy of its descriptor.
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
        }
        self.release();
        self.finish();
    }

    /// Returns true if the server ends with this client: it is not shared, and this is no fork.
    fn ends_server(&self) -> bool {
        !self.is_shared.load(Ordering::Relaxed) && self.owner == std::process::id()
    }
}

impl StopAtExit for Client {
    fn release(&self) {
        if self.ends_server() {
            let _ = self.stream.shutdown(std::net::Shutdown::Write); // It may be gone already.
            self.resume_supervisor();
        }
    }

    fn finish(&self) {
        if !self.ends_server() {
            return;
        }
        if !self.is_starter {
            return;
        }
        if let Some(process) = self.process.as_ref().filter(|process| process.is_alive()) {
            let state = self.wait_for_stop(|_| false);
            if state.is_none() {
                // Its server does not end even by SIGKILL, or the supervisor is paused itself.
                process.signal(libc::SIGKILL);
            }
            match state {
                Some(State { phase: Phase::Ended, .. }) => exit_hook::wait_at_exit(process),
                // Without its descriptor, the end of its connection has to do: process 1 may take long to
                // reap it. The kernel kills the main process of its server when it has gone.
                _ if process.as_fd().is_some() => process.wait(Instant::now() + GRACE),
                _ => {}
            }
        }
        self.sweep_if_lost();
        self.report_end(&self.state());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}
