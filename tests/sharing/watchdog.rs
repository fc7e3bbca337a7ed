//! Ends runs that take too long or fail.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use mirakuru_tests::processes_with_variable;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::run::LONG;

/// Reports and kills the processes of a run that takes too long, and those of one that fails.
pub(crate) struct Watchdog {
    temp: PathBuf,
    end: mpsc::Sender<()>,
    thread: Option<thread::JoinHandle<bool>>,
}

impl Watchdog {
    pub(crate) fn over(temp: &Path) -> Self {
        let (end, ended) = mpsc::channel();
        let path = temp.to_owned();
        let thread = thread::spawn(move || {
            let is_late = ended.recv_timeout(2 * LONG) == Err(RecvTimeoutError::Timeout);
            if is_late {
                end_members(&path);
            }
            is_late
        });
        Self { temp: temp.to_owned(), end, thread: Some(thread) }
    }

    pub(crate) fn rest(&mut self) {
        let _ = self.end.send(()); // It may have ended.
        let is_late = self.thread.take().is_some_and(|thread| thread.join().unwrap());
        assert!(!is_late, "processes still ran after {:?}", 2 * LONG);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if thread::panicking() {
            end_members(&self.temp);
            // Those that this thread traces, too.
            while waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)).is_ok() {}
        }
    }
}

fn end_members(temp: &Path) {
    for pid in members(temp) {
        println!("{}", described(pid));
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL); // It may have ended.
    }
}

/// Returns what a process is, and what it waits for.
fn described(pid: i32) -> String {
    let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let text = |file| String::from_utf8_lossy(&read(file)).replace('\0', " ");
    let status = text("status");
    let field = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let fields = ["State:", "PPid:", "TracerPid:"].map(field).join(", ");
    let (wait, call) = (text("wchan"), text("syscall"));
    format!("pid {pid}: {}; {fields}; waits in {wait}, call {}", text("cmdline"), call.trim())
}

/// Returns all processes of a run: tests, supervisors and servers.
pub(crate) fn members(temp: &Path) -> Vec<i32> {
    processes_with_variable("TMPDIR", temp)
}
