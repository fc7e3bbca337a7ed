//! Time limits, marks, and starts that succeed or fail.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::program::READY_MARK;
use crate::{eventually, parent_of, processes_with_mark};
use mirakuru_core::{Error, ErrorKind, Executor, Exit, Process};

/// A time limit that is not reached.
pub const LONG: Duration = Duration::from_secs(20);

/// A time limit that is reached.
pub const SHORT: Duration = Duration::from_millis(600);

/// The longest time that an immediate action takes on a busy machine.
pub const SOON: Duration = Duration::from_secs(5);

/// Acts, and panics if that takes longer than [`SOON`].
#[track_caller]
pub fn soon<R>(act: impl FnOnce() -> R) -> R {
    let began = Instant::now();
    let result = act();
    let elapsed = began.elapsed();
    assert!(elapsed < SOON, "it took {elapsed:?}");
    result
}

/// Starts that succeed.
pub trait StartSoon {
    /// Starts the process, and panics unless it is ready [`SOON`].
    #[track_caller]
    fn start_soon(&self) -> Process;

    /// Starts like [`start_soon`](Self::start_soon), and panics if the start returns before the
    /// server has written the file `$READY_MARK`, which it does right before it becomes ready.
    #[track_caller]
    fn start_when_ready(&self) -> Process;
}

/// Returns the path of the file that a server writes right before it becomes ready.
fn ready_mark(process: &Process) -> PathBuf {
    process.dir().join("ready-mark")
}

/// Restarts a process of [`StartSoon::start_when_ready`], with the same check.
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

/// Returns the error of a start that fails [`SOON`] with the kind.
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

/// Panics unless the report of the error contains all parts.
#[track_caller]
pub fn reports(error: &Error, parts: &[&str]) {
    let report = format!("{error:?}");
    for part in parts {
        assert!(report.contains(part), "`{part}` is not in the report: {report}");
    }
}

/// Waits for a process that is about to exit, and returns how it did.
#[track_caller]
pub fn ended(process: &mut Process) -> Exit {
    process.wait_timeout(LONG).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Returns a unique word for the arguments of a process, by which it and its children are found.
pub fn mark() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("mark-{}-{}-", process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until no process has the mark, supervisors included.
#[track_caller]
pub fn nothing_left(mark: &str) {
    eventually(SOON, || marked(mark).is_empty());
}

/// Returns the processes with the mark, supervisors included.
#[track_caller]
pub fn marked(mark: &str) -> Vec<u32> {
    processes_with_mark(mark).into_iter().map(i32::unsigned_abs).collect()
}

/// Returns the pids in lines such as `child 123` of a log.
#[track_caller]
pub fn pids(process: &Process, word: &str) -> Vec<u32> {
    let log = process.log().read().expect("a log can be read");
    let pids = log.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse().ok());
    let pids: Vec<u32> = pids.collect();
    assert!(!pids.is_empty(), "no `{word}` in {log}");
    pids
}

/// Starts a process that only reserves its [`port`](Process::port).
#[track_caller]
pub fn keeps_a_port() -> Process {
    Executor::new("sleep 300").env("PORT", "{port}").start_soon()
}

/// Kills the supervisor of a process, and waits until the process has ended too.
#[track_caller]
pub fn kill_supervisor(process: &Process) {
    let supervisor = parent_of(process.pid()).expect("the process lives").to_string();
    let killed = Command::new("kill").args(["-KILL", &supervisor]).status();
    assert!(killed.is_ok_and(|killed| killed.success()));
    eventually(LONG, || !process.is_running());
}
