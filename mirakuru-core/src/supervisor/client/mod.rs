//! The test process's side of the control socket.

mod exit_hook;
mod spawn;
mod state;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::libc;
use parking_lot::Mutex;

use exit_hook::Starting;

pub(crate) use self::spawn::{InheritedFds, SupervisorCommand};
pub(crate) use self::state::{LeaseStatus, Phase, State};
use super::protocol::{Event, FRAME_LEN, Frame, ReadinessFd, Request};
use crate::diagnostics::events;
use crate::diagnostics::log_dir;
use crate::sys;

/// How soon a thread sees what another one has read.
const ANOTHER_LOOK: Duration = Duration::from_millis(20);

/// What a supervisor needs beyond its stop settings must end this much later at the latest.
const GRACE: Duration = Duration::from_secs(10);

/// What a process needs to use a server that another one has started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) supervisor: i32,
    /// A variable in the environment of the server, with its value.
    pub(crate) mark: String,
    pub(crate) name: String,
    pub(crate) stop_timeout: Duration,
}

/// A supervisor, as long as somebody wants its server.
pub(crate) struct Client {
    stream: UnixStream,
    supervisor_pid: i32,
    /// If this process has started it.
    supervisor: Mutex<Option<Child>>,
    /// Whether the server is kept for others too.
    is_shared: AtomicBool,
    state: Mutex<State>,
    /// What a server that is starting speaks by to this process.
    channels: Mutex<Vec<(ReadinessFd, OwnedFd)>>,
    stop_timeout: Duration,
    name: String,
    leases: AtomicU64,
    /// A variable in the environment of the server, with its value.
    mark: String,
    /// Whether the server was asked to end since it was started.
    was_asked_to_end: AtomicBool,
    /// Whether those who watch know that the server has ended.
    is_told: AtomicBool,
    /// A fork of this process has a copy of the client that is not its to end.
    owner: u32,
}

impl Client {
    /// Starts a supervisor, which keeps `holds` open for the server. That is not started yet.
    pub(crate) fn launch(launch: SupervisorCommand, holds: &InheritedFds) -> io::Result<Arc<Self>> {
        let starting = Starting::begin()?;
        let (ours, theirs) = UnixStream::pair()?;
        let (name, stop_timeout) = (launch.name.clone(), launch.settings.stop_timeout);
        let (supervisor, mark) = launch.spawn(theirs)?;
        let remote = Remote { supervisor: supervisor.id() as i32, mark, name, stop_timeout };
        let client = Arc::new(Self::new(ours, remote, Some(supervisor)));
        starting.add(&client);
        client.send_in_parts(Request::KeepFds, &holds.ports)?;
        client.send_in_parts(Request::Listen, &holds.listeners)?;
        Ok(client)
    }

    /// Joins those who use a server that another process has started.
    pub(crate) fn attach(stream: UnixStream, remote: Remote) -> Arc<Self> {
        let client = Self::new(stream, remote, None);
        client.is_shared.store(true, Ordering::Relaxed);
        Arc::new(client)
    }

    fn new(stream: UnixStream, remote: Remote, supervisor: Option<Child>) -> Self {
        Self {
            stream,
            supervisor_pid: remote.supervisor,
            supervisor: Mutex::new(supervisor),
            is_shared: AtomicBool::new(false),
            state: Mutex::new(State::new(Phase::Ended)),
            channels: Mutex::default(),
            stop_timeout: remote.stop_timeout,
            name: remote.name,
            leases: AtomicU64::new(0),
            mark: remote.mark,
            was_asked_to_end: AtomicBool::new(false),
            is_told: AtomicBool::new(true),
            owner: std::process::id(),
        }
    }

    /// What another process needs to join.
    pub(crate) fn remote(&self) -> Remote {
        Remote {
            supervisor: self.supervisor_pid,
            mark: self.mark.clone(),
            name: self.name.clone(),
            stop_timeout: self.stop_timeout,
        }
    }

    /// Lets others use the server too, as long as the runner lives.
    pub(crate) fn share(
        &self,
        listener: &UnixListener,
        runner: i32,
        started: u64,
    ) -> io::Result<()> {
        self.send(Request::Share { runner, started }, &[listener.as_fd()])?;
        self.is_shared.store(true, Ordering::Relaxed);
        // As long as the server lives, no other run removes its log.
        if let Some(lock) = log_dir::log_dir_lock() {
            self.send(Request::KeepFds, &[lock])?;
        }
        Ok(())
    }

    /// Starts the server, and returns when its program runs or cannot be run.
    pub(crate) fn start(&self, stdin: Option<OwnedFd>, deadline: Instant) -> io::Result<State> {
        {
            let mut state = self.state.lock();
            let (lease, is_disconnected) = (state.lease, state.is_disconnected);
            *state = State { lease, is_disconnected, ..State::new(Phase::Starting) };
            self.channels.lock().clear();
        }
        self.was_asked_to_end.store(false, Ordering::Relaxed);
        self.send(Request::Start, stdin.as_ref().map(AsFd::as_fd).as_slice())?;
        let state = self.wait(deadline, |state| state.phase != Phase::Starting);
        self.is_told.store(false, Ordering::Relaxed);
        state.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "the supervisor is silent"))
    }

    pub(crate) fn request(&self, request: Request) -> io::Result<()> {
        if matches!(request, Request::Stop(_) | Request::Kill(_)) {
            self.was_asked_to_end.store(true, Ordering::Relaxed);
        }
        self.send(request, &[])
    }

    fn send(&self, request: Request, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        sys::send(&self.stream, &request.to_bytes(), fds)
    }

    /// Sends more descriptors than one message may carry.
    fn send_in_parts(&self, request: Request, fds: &[OwnedFd]) -> io::Result<()> {
        let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        fds.chunks(sys::FDS_MAX).try_for_each(|part| self.send(request, part))
    }

    /// What the server that is starting speaks by, once it has started. It is handed out once.
    pub(crate) fn take_readiness_fd(&self, wanted: ReadinessFd) -> Option<OwnedFd> {
        self.drain_events(&mut self.state.lock());
        let mut channels = self.channels.lock();
        let at = channels.iter().position(|(channel, _)| *channel == wanted)?;
        Some(channels.swap_remove(at).1)
    }

    /// What is known now.
    pub(crate) fn state(&self) -> State {
        let mut state = self.state.lock();
        self.drain_events(&mut state);
        *state
    }

    /// Waits until `until` holds. None if the deadline comes first.
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
            // Without the lock, so that other threads can look meanwhile. One of them may read what
            // this one waits for: then nothing wakes it up.
            let step = left.min(ANOTHER_LOOK);
            sys::wait_readable(&[self.stream.as_fd()], Some(step)).ok()?;
        }
    }

    /// Whether the server, if it has ended, did not end by itself.
    pub(crate) fn was_asked_to_end(&self) -> bool {
        self.was_asked_to_end.load(Ordering::Relaxed)
    }

    /// Kills what a killed supervisor has left. The kernel has killed the main process only.
    pub(crate) fn sweep_if_lost(&self) {
        if self.state().phase == Phase::SupervisorKilled {
            sys::kill_marked(&self.mark, Instant::now() + GRACE);
        }
    }

    /// All processes of the server that can be found.
    pub(crate) fn left(&self) -> Vec<i32> {
        let supervisor = self.supervisor_pid();
        let mut left = sys::marked(&self.mark);
        left.retain(|pid| *pid != supervisor);
        left.extend(sys::descendants_of(supervisor));
        left.sort_unstable();
        left.dedup();
        left
    }

    /// What becomes readable when the state changes.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// What messages call the server.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The supervisor, below which everything of the server is.
    pub(crate) fn supervisor_pid(&self) -> i32 {
        self.supervisor_pid
    }

    /// Reads all messages that are there.
    fn drain_events(&self, state: &mut State) {
        while !state.is_disconnected
            && sys::wait_readable(&[self.stream.as_fd()], Some(Duration::ZERO))
                .is_ok_and(|ready| ready == [true])
        {
            let mut bytes = [0; FRAME_LEN];
            match sys::receive(&self.stream, &mut bytes) {
                Ok((FRAME_LEN, fds)) => self.apply(state, Event::from_bytes(bytes), fds),
                _ => return state.lose(),
            }
        }
    }

    fn apply(&self, state: &mut State, event: Option<Event>, fds: Vec<OwnedFd>) {
        match event {
            Some(Event::ReadinessFd(channel)) => {
                self.channels.lock().extend(fds.into_iter().map(|fd| (channel, fd)));
            }
            Some(event) => state.apply(event),
            None => {}
        }
    }

    /// Counts one more lease of the server.
    pub(crate) fn count_lease(&self) {
        self.leases.fetch_add(1, Ordering::Relaxed);
    }

    /// Those who watch are not told how this start ends.
    pub(crate) fn keep_end_quiet(&self) {
        self.is_told.store(true, Ordering::Relaxed);
    }

    /// Tells those who watch that the server has ended, once for each start.
    pub(crate) fn tell_stopped(&self, state: &State) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            events::stopped(&self.name, state.exit, self.leases.load(Ordering::Relaxed));
        }
    }

    /// Lets the supervisor stop the server and end, without waiting for it.
    pub(super) fn release(&self) {
        if self.is_mine_to_end() {
            let _ = self.stream.shutdown(std::net::Shutdown::Write); // It may be gone already.
            self.wake_supervisor();
        }
    }

    /// A server can stop its parent, which could then do nothing for us.
    fn wake_supervisor(&self) {
        let mut supervisor = self.supervisor.lock();
        let is_child = |child: &mut Child| child.try_wait().is_ok_and(|ended| ended.is_none());
        if supervisor.as_mut().is_some_and(is_child) {
            let _ = sys::kill(self.supervisor_pid, libc::SIGCONT); // It is not reaped, so it is ours.
        }
    }

    /// Ends the use of the server. If nobody shares it, it has ended when this returns.
    pub(crate) fn close(&self) {
        let is_own = self.owner == std::process::id();
        // A fork must not read what the supervisor tells its parent.
        if is_own && self.state().is_running() {
            self.was_asked_to_end.store(true, Ordering::Relaxed);
        }
        if is_own && self.is_shared.load(Ordering::Relaxed) {
            // Also for a fork that has a copy.
            let _ = self.stream.shutdown(std::net::Shutdown::Both);
        }
        self.release();
        self.finish();
    }

    /// Whether the server ends with this client: not if others use it, nor in a fork.
    fn is_mine_to_end(&self) -> bool {
        !self.is_shared.load(Ordering::Relaxed) && self.owner == std::process::id()
    }

    /// Waits until the supervisor has ended.
    pub(super) fn finish(&self) {
        if !self.is_mine_to_end() {
            return;
        }
        let mut supervisor = self.supervisor.lock();
        let Some(supervisor) = supervisor.as_mut() else { return };
        if supervisor.try_wait().is_ok_and(|status| status.is_none()) {
            let deadline = Instant::now() + self.stop_timeout + GRACE;
            if self.wait(deadline, |_| false).is_none() {
                // What it watches cannot be ended even by SIGKILL, or it is stopped itself.
                let _ = supervisor.kill();
            }
            let _ = supervisor.wait(); // Somebody who reaps every child may have been faster.
        }
        self.sweep_if_lost();
        self.tell_stopped(&self.state());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}
