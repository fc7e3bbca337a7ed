//! A server that the test processes of one session share.
//!
//! The first process that needs the server starts it, under a lock, and passes its supervisor a
//! listening socket in the session's directory. Every lease is a connection to that socket: the
//! supervisor grants leases in the order of the requests, and the kernel closes the connection however
//! a process ends.

mod directory;

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::current_test;
use super::request::Request;
use crate::diagnostics::events;
use crate::diagnostics::runner::{self, Runner};
use crate::diagnostics::settings;
use crate::diagnostics::time_limit::{Limit, Pauses};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Executor;
use crate::process::{NeedLeases, Process};
use crate::server::Publication;
use crate::server::manifest::ServerManifest;
use crate::supervisor::{Access, Client};
use crate::sys;
use crate::types::Scope;
use directory::Directory;

/// How many situations a lease may meet before it gives up: a server may end again and again.
const ROUNDS: usize = 40;

/// How long a server that is shutting down may still accept connections.
const SHUTDOWN_LAG: Duration = Duration::from_millis(100);

/// The time in which a supervisor says how many leases there are.
const COUNT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a process that needs a lease finds.
enum Situation {
    /// It got the lease.
    Joined(Box<Process>),
    /// The server ended before the lease was granted.
    Ended,
    /// No server is running.
    MustStart,
    /// Another process started the server while this one waited for the lock.
    StartedByAnother,
    /// The run that shares the server is over.
    RunnerGone,
}

/// A lease that a test asks for.
struct Wanted<'a> {
    executor: &'a Executor,
    access: Access,
    /// The leases of what the process needs.
    needs: &'a NeedLeases,
    timeout: Duration,
}

/// The place in a session's directory at which processes share one server.
pub(super) struct Session {
    directory: Directory,
    runner: Runner,
    key: String,
    /// The key, hashed for use in file names.
    name: String,
}

impl Session {
    /// Returns the session that shares a process, or `None` if only the threads of this process do.
    pub(super) fn of(scope: Scope, key: &str) -> Result<Option<Self>> {
        let is_process_per_test =
            std::env::var("NEXTEST_EXECUTION_MODE").is_ok_and(|mode| mode == "process-per-test");
        if scope == Scope::Binary && !is_process_per_test {
            return Ok(None);
        }
        if sys::is_traced() {
            // A tracer that follows forks waits for the supervisor, which waits for the runner, which
            // waits for the tracer.
            return Ok(None);
        }
        let Some(runner) = runner::find()? else {
            events::no_runner();
            return Ok(None);
        };
        if !runner.is_alive() {
            return Err(run_is_over());
        }
        let mut key = key.to_owned();
        if scope == Scope::Binary {
            key.push_str(&own_binary());
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        Ok(Some(Self { directory: Directory::of(runner)?, runner, key, name }))
    }

    /// Leases the process, and starts it if no other process has.
    pub(super) fn lease(
        &self,
        executor: &Executor,
        access: Access,
        request: &Request,
    ) -> Result<Process> {
        let Request { needs, timeout } = request;
        let wanted = Wanted { executor, access, needs, timeout: *timeout };
        let mut situation = Situation::StartedByAnother;
        for _ in 0..ROUNDS {
            situation = match situation {
                Situation::Joined(process) => return Ok(*process),
                Situation::StartedByAnother => self.join(&wanted)?,
                Situation::Ended | Situation::MustStart if self.is_runner_gone() => {
                    Situation::RunnerGone
                }
                Situation::Ended | Situation::MustStart => self.start_first(&wanted)?,
                Situation::RunnerGone => {
                    return Err(run_is_over());
                }
            };
        }
        let name = executor.spec().display_name();
        let what = format!("{name} ended repeatedly before it could be leased");
        Err(Error::new(ErrorKind::Exited, what))
    }

    /// Returns true if the next lease starts the process, as far as can be seen.
    pub(super) fn has_to_start(&self) -> bool {
        let exists = |extension| self.directory.file(&self.name, extension).exists();
        !exists("sock") && !exists("failed")
    }

    /// Returns the number of leases.
    pub(super) fn lease_count(&self, executor: &Executor) -> usize {
        let timeout = settings::get().map(|settings| settings.lease_timeout);
        let connect = |timeout| self.connect(executor, timeout);
        let stream = timeout.and_then(connect).ok().flatten();
        let count = |stream| {
            let client = Client::attach(stream, self.manifest()?.supervisor);
            client.leases(Instant::now() + COUNT_TIMEOUT, |_| false)?.lease_count
        };
        stream.and_then(count).unwrap_or(0)
    }

    /// Leases the process if it is running.
    fn join(&self, wanted: &Wanted<'_>) -> Result<Situation> {
        match self.attach(wanted)? {
            Some(process) => lease(process, wanted),
            None => Ok(Situation::MustStart),
        }
    }

    /// Starts the process under the lock, unless another process was faster.
    fn start_first(&self, wanted: &Wanted<'_>) -> Result<Situation> {
        let Wanted { executor, timeout, .. } = *wanted;
        let _lock = self.directory.lock(&self.name, executor, timeout)?;
        if let Ok(text) = fs::read_to_string(self.directory.file(&self.name, "failed")) {
            return Err(Error::from_text(&text));
        }
        if self.connect(executor, timeout)?.is_some() {
            return Ok(Situation::StartedByAnother);
        }
        self.directory.sweep(&self.name);
        lease(self.start(wanted)?, wanted)
    }

    fn is_runner_gone(&self) -> bool {
        !self.runner.is_alive()
    }

    /// Connects to the supervisor. Returns none if no server is running. Waits while as many processes
    /// as there is room for have connected to a supervisor that accepts none.
    fn connect(&self, executor: &Executor, timeout: Duration) -> Result<Option<UnixStream>> {
        let path = self.directory.file(&self.name, "sock");
        let mut pauses = Pauses::within(timeout);
        loop {
            let connected = sys::connect_any_unix(&path);
            match connected.and_then(|stream| stream.set_nonblocking(false).map(|()| stream)) {
                Ok(stream) => return Ok(Some(stream)),
                Err(error) => match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => return Ok(None),
                    io::ErrorKind::WouldBlock if pauses.pause() => {}
                    io::ErrorKind::WouldBlock => return Err(self.unanswered(executor, timeout)),
                    _ => return Err(Error::os("the supervisor cannot be connected to", error)),
                },
            }
        }
    }

    fn unanswered(&self, executor: &Executor, timeout: Duration) -> Error {
        let manifest = ServerManifest::reload(&self.directory.file(&self.name, "info"));
        let fd_limit = manifest.and_then(|it| sys::exhausted_fd_limit(it.supervisor.pid));
        Error::lease_unanswered(&executor.spec().display_name(), Limit(timeout), fd_limit)
    }

    /// Returns what the running server has published for others.
    fn manifest(&self) -> Option<ServerManifest> {
        let manifest = ServerManifest::reload(&self.directory.file(&self.name, "info"));
        manifest.filter(|manifest| manifest.key == self.key)
    }

    fn attach(&self, wanted: &Wanted<'_>) -> Result<Option<Process>> {
        let Wanted { executor, needs, timeout, .. } = *wanted;
        let Some(stream) = self.connect(executor, timeout)? else { return Ok(None) };
        if sys::peer_user(&stream).is_some_and(|user| user != sys::effective_user()) {
            let what = "another user listens in this session's directory";
            return Err(Error::new(ErrorKind::PermissionDenied, what));
        }
        let Some(manifest) = self.manifest() else {
            // The server has just ended. Its supervisor hangs up when another one can be started.
            let _ = sys::wait_readable(&[stream.as_fd()], Some(SHUTDOWN_LAG));
            return Ok(None);
        };
        let path = self.directory.file(&self.name, "info");
        executor.attach(stream, manifest, path, needs).map(Some)
    }

    /// Starts the process for the session. A failure is remembered for its other processes.
    fn start(&self, wanted: &Wanted<'_>) -> Result<Process> {
        let started = wanted.executor.start_with(wanted.needs).and_then(|mut process| {
            self.share(&mut process)?;
            Ok(process)
        });
        started.inspect_err(|error| {
            if error.may_pass() || !wanted.needs.are_running() {
                return;
            }
            // If it cannot be written, the next process tries the start itself.
            let _ = self.directory.write(&self.name, "failed", &error.to_text());
        })
    }

    fn share(&self, process: &mut Process) -> Result<()> {
        let socket = self.directory.file(&self.name, "sock");
        let _ = fs::remove_file(&socket); // Left behind by a supervisor that was killed.
        let path = self.directory.file(&self.name, "info");
        process.server_mut().publish(Publication { path, key: self.key.clone() })?;
        let failed = |e| Error::os(format!("`{}` cannot be listened on", socket.display()), e);
        let listener = UnixListener::bind(&socket).map_err(failed)?;
        let server = process.server_mut();
        server.share(&listener, self.directory.as_fd(), self.runner.pid, self.runner.started)?;
        if process.server().plan.external.is_none() {
            events::stays_for_run(process.name(), self.runner.pid);
        }
        Ok(())
    }
}

/// Waits for a lease of a running process.
fn lease(mut process: Process, wanted: &Wanted<'_>) -> Result<Situation> {
    let Wanted { access, timeout, .. } = *wanted;
    let is_granted = process.server().lease(current_test::number(), access, timeout)?;
    // An earlier holder may have restarted it, even between its start and its first lease.
    process.server_mut().reload();
    Ok(if is_granted { Situation::Joined(Box::new(process)) } else { Situation::Ended })
}

fn run_is_over() -> Error {
    Error::new(ErrorKind::Lease, "the run that shares its servers is over")
}

/// Identifies this build of this test binary.
fn own_binary() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("?"));
    let built = path.metadata().and_then(|meta| meta.modified()).ok();
    let built = built.and_then(|built| built.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!(" {} {}", path.display(), built.as_nanos())
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{Backlog, listen};

    use super::*;

    /// Returns the session of a runner that is this process.
    fn session(key: &str) -> Session {
        let pid = std::process::id() as i32;
        let runner = Runner { pid, started: sys::start_time(pid).unwrap_or_default() };
        let directory = Directory::of(runner).unwrap();
        Session { directory, runner, key: key.to_owned(), name: key.to_owned() }
    }

    #[test]
    fn a_supervisor_that_accepts_none_is_waited_for_until_the_time_limit() {
        let session = session("accepts-none");
        let path = session.directory.file(&session.name, "sock");
        let dir = fs::canonicalize(path.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let executor = Executor::new("sleep 60").name("server");
        let connect = |timeout| session.connect(&executor, timeout);

        let waiting: Vec<_> = std::iter::from_fn(|| sys::connect_any_unix(&path).ok()).collect();
        assert!(!waiting.is_empty());
        let error = connect(Duration::from_millis(30)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lease);
        let shown = error.to_string();
        assert!(shown.contains("within 0.030 s: its supervisor does not answer"), "{shown}");

        std::thread::scope(|scope| {
            let late = scope.spawn(|| connect(Duration::from_secs(60)).unwrap());
            sys::wait_readable(&[], Some(Duration::from_millis(30))).unwrap();
            assert!(!late.is_finished());
            drop(listener.accept().unwrap());
            assert!(late.join().unwrap().is_some());
        });
        drop(listener);
        assert!(connect(Duration::ZERO).unwrap().is_none());
        fs::remove_dir_all(dir).unwrap();
    }
}
