//! Limits, marks, and starts that fail.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::program::READY_MARK;
use crate::{eventually, processes_with_mark};
use mirakuru_core::{Error, ErrorKind, Executor, Exit, Process};

/// A limit that is not reached.
pub const LONG: Duration = Duration::from_secs(20);

/// A limit that is reached.
pub const SHORT: Duration = Duration::from_millis(300);

/// What is to be done at once takes no longer than this on a busy machine.
pub const SOON: Duration = Duration::from_secs(5);

/// Does it, and panics if it took longer than [`SOON`].
#[track_caller]
pub fn soon<R>(act: impl FnOnce() -> R) -> R {
    let began = Instant::now();
    let result = act();
    let elapsed = began.elapsed();
    assert!(elapsed < SOON, "it took {elapsed:?}");
    result
}

/// To start what is ready soon.
pub trait StartSoon {
    /// Starts it, and panics if it does not start or not soon.
    #[track_caller]
    fn start_soon(&self) -> Process;

    /// Starts it like [`start_soon`](Self::start_soon), and panics if it is called ready before it
    /// is: the server writes the file `$READY_MARK` right before it becomes ready.
    #[track_caller]
    fn start_when_ready(&self) -> Process;
}

/// The file that a server of [`StartSoon::start_when_ready`] writes before it is ready.
fn ready_mark(process: &Process) -> PathBuf {
    process.dir().join("ready-mark")
}

/// Restarts a process of [`StartSoon::start_when_ready`]; panics if that is over before it is ready.
#[track_caller]
pub fn restart_when_ready(process: &mut Process) {
    fs::remove_file(ready_mark(process)).expect("the first start has left its mark");
    soon(|| process.restart()).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(ready_mark(process).exists(), "the restart was over before the process was ready");
}

impl StartSoon for Executor {
    fn start_soon(&self) -> Process {
        soon(|| self.start()).unwrap_or_else(|error| panic!("{error:?}"))
    }

    fn start_when_ready(&self) -> Process {
        let process = self.clone().env(READY_MARK, "{dir}/ready-mark").start_soon();
        assert!(ready_mark(&process).exists(), "the start was over before the process was ready");
        process
    }
}

/// The error of a start that fails soon, and in this way.
#[track_caller]
pub fn fails(executor: &Executor, kind: ErrorKind) -> Error {
    match soon(|| executor.start()) {
        Ok(process) => panic!("it started: {process:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            error
        }
    }
}

/// Panics unless all of it stands in the report of the error.
#[track_caller]
pub fn reports(error: &Error, parts: &[&str]) {
    let report = format!("{error:?}");
    for part in parts {
        assert!(report.contains(part), "`{part}` is not in the report: {report}");
    }
}

/// How a process ended that is about to.
#[track_caller]
pub fn ended(process: &mut Process) -> Exit {
    process.wait_timeout(LONG).unwrap_or_else(|error| panic!("{error:?}"))
}

/// A word for the arguments of a process by which it and what it starts are found.
pub fn mark() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("mark-{}-{}-", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until no process has the mark, a supervisor neither.
#[track_caller]
pub fn nothing_left(mark: &str) {
    eventually(SOON, || marked(mark).is_empty());
}

/// The processes with the mark, supervisors too.
#[track_caller]
pub fn marked(mark: &str) -> Vec<u32> {
    processes_with_mark(mark).into_iter().map(i32::unsigned_abs).collect()
}

/// The pids of a log in lines like `child 123`.
#[track_caller]
pub fn pids(process: &Process, word: &str) -> Vec<u32> {
    let log = process.log().read().expect("a log can be read");
    let pids = log.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    let pids: Vec<u32> = pids.collect();
    assert!(!pids.is_empty(), "no `{word}` in {log}");
    pids
}

/// A process that does nothing but keep [`port`](Process::port) from being given to others.
#[track_caller]
pub fn keeps_a_port() -> Process {
    Executor::new("sleep 300").env("PORT", "{port}").start_soon()
}

/// Kills the supervisor of a process, and returns when that has ended too.
#[track_caller]
pub fn kill_supervisor(process: &Process) {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid()));
    let status = status.expect("the process lives");
    let supervisor = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let supervisor = supervisor.expect("a process has a parent").trim();
    let killed = Command::new("kill").args(["-KILL", supervisor]).status();
    assert!(killed.is_ok_and(|killed| killed.success()));
    eventually(LONG, || !process.is_running());
}
