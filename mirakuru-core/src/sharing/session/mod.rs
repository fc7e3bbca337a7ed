//! A server that is shared across processes.
//!
//! The first who wants it starts it, under a lock, and hands its supervisor a listening socket in
//! the session's folder. Every lease is a connection to that socket: the supervisor gives leases in
//! the order in which they were asked for, and the kernel takes them back however a process ends.

mod directory;

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use crate::diagnostics::runner::{self, Runner};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Executor;
use crate::process::Process;
use crate::server::Publication;
use crate::server::manifest::ServerManifest;
use crate::sys;
use crate::types::Scope;
use directory::Directory;

/// How long one other test may keep a process from a test that waits for it.
pub(super) static LEASE_TIMEOUT: LazyLock<Duration> = LazyLock::new(|| {
    let seconds = std::env::var("MIRAKURU_LEASE_TIMEOUT").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    let seconds = seconds.filter(|seconds| *seconds > 0.0).unwrap_or(60.0);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
});

/// How often a server may end before it is leased.
const TRIES: usize = 20;

/// How long a server that is about to be taken away may still answer.
const SHUTDOWN_LAG: Duration = Duration::from_millis(100);

/// Where the processes that share one server meet.
pub(super) struct Session {
    directory: Directory,
    runner: Runner,
    key: String,
    /// The key in a form that suits a file.
    name: String,
}

impl Session {
    /// Where to meet for a definition, unless this process alone can share it.
    pub(super) fn of(scope: Scope, key: &str) -> Result<Option<Self>> {
        let is_process_per_test =
            std::env::var("NEXTEST_EXECUTION_MODE").is_ok_and(|mode| mode == "process-per-test");
        if scope == Scope::Binary && !is_process_per_test {
            return Ok(None);
        }
        let Some(runner) = runner::find()? else { return Ok(None) };
        let mut key = key.to_owned();
        if scope == Scope::Binary {
            key.push_str(&own_binary());
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        Ok(Some(Self { directory: Directory::of(runner)?, runner, key, name }))
    }

    /// Leases the process, which is started if nobody has.
    pub(super) fn lease(&self, executor: &Executor, exclusive: bool) -> Result<Process> {
        for _ in 0..TRIES {
            if let Some(process) = self.join(executor, exclusive)? {
                return Ok(process);
            }
            if sys::Process::open(self.runner.pid, self.runner.started).is_none() {
                return Err(Error::new(
                    ErrorKind::Lease,
                    "the run that shares its servers is over",
                ));
            }
            let _lock = self.directory.lock(&self.name, executor)?;
            if let Ok(text) = fs::read_to_string(self.directory.file(&self.name, "failed")) {
                return Err(Error::from_text(&text));
            }
            // Somebody may have started it while this process waited for the lock.
            if self.connect().is_none() {
                let mut process = self.start(executor)?;
                if lease(&mut process, exclusive)? {
                    return Ok(process);
                }
            }
        }
        let name = executor.spec().display_name();
        let what = format!("{name} ended {TRIES} times before it could be leased");
        Err(Error::new(ErrorKind::Exited, what))
    }

    /// How many leases there are.
    pub(super) fn lease_count(&self, executor: &Executor) -> usize {
        let process = self.attach(executor).ok().flatten();
        process.and_then(|process| process.server().count_leases()).unwrap_or(0)
    }

    /// Leases the process if somebody has started it and it has not ended.
    fn join(&self, executor: &Executor, exclusive: bool) -> Result<Option<Process>> {
        let Some(mut process) = self.attach(executor)? else { return Ok(None) };
        let is_granted = lease(&mut process, exclusive)?;
        Ok(is_granted.then_some(process))
    }

    fn connect(&self) -> Option<UnixStream> {
        UnixStream::connect(self.directory.file(&self.name, "sock")).ok()
    }

    fn attach(&self, executor: &Executor) -> Result<Option<Process>> {
        let Some(stream) = self.connect() else { return Ok(None) };
        if sys::peer_user(&stream).is_some_and(|user| user != sys::effective_user()) {
            let what = "another user listens in this session's folder";
            return Err(Error::new(ErrorKind::PermissionDenied, what));
        }
        let path = self.directory.file(&self.name, "info");
        let manifest = ServerManifest::reload(&path).filter(|manifest| manifest.key == self.key);
        let Some(manifest) = manifest else {
            // It has just ended. That it hangs up is the sign for another one to begin.
            let _ = sys::wait_readable(&[stream.as_fd()], Some(SHUTDOWN_LAG));
            return Ok(None);
        };
        executor.attach(stream, manifest, path).map(Some)
    }

    /// Starts the process for all. A failure is remembered for the others.
    fn start(&self, executor: &Executor) -> Result<Process> {
        let started = executor.start().and_then(|mut process| {
            self.share(&mut process)?;
            Ok(process)
        });
        started.inspect_err(|error| {
            // If it cannot be remembered, the next one sees for itself.
            let _ = self.directory.write(&self.name, "failed", &error.to_text());
        })
    }

    fn share(&self, process: &mut Process) -> Result<()> {
        let socket = self.directory.file(&self.name, "sock");
        let _ = fs::remove_file(&socket); // A supervisor that was killed has left it.
        let path = self.directory.file(&self.name, "info");
        process.server_mut().publish(Publication { path, key: self.key.clone() })?;
        let failed = |e| Error::os(format!("`{}` cannot be listened on", socket.display()), e);
        let listener = UnixListener::bind(&socket).map_err(failed)?;
        process.server_mut().share(&listener, self.runner.pid, self.runner.started)
    }
}

/// Waits for a lease of a process that others lease too. False if it has ended meanwhile.
fn lease(process: &mut Process, exclusive: bool) -> Result<bool> {
    let is_granted = process.server().lease(this_test(), exclusive, *LEASE_TIMEOUT)?;
    // Whoever had it before may have restarted it. That may also be somebody who has come between the
    // start and the first lease.
    process.server_mut().reload();
    Ok(is_granted)
}

/// What tells this test binary from others, and from what it was before it was built again.
fn own_binary() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("?"));
    let built = path.metadata().and_then(|meta| meta.modified()).ok();
    let built = built.and_then(|built| built.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    format!(" {} {}", path.display(), built.as_nanos())
}

/// What tells the test on this thread from others.
fn this_test() -> u64 {
    let mut hasher = DefaultHasher::new();
    (std::process::id(), thread::current().id()).hash(&mut hasher);
    hasher.finish()
}
