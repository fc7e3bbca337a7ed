//! Stops a test process, its launcher and its supervisor at each of their system calls.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

use mirakuru_tests::test_process;
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A process that is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Traced {
    Test,
    Launcher,
    Supervisor,
}

/// What a traced process, or a child of this thread, has done.
pub(crate) enum Step {
    /// It stands before a system call, or after one.
    AtCall(Traced),
    /// It ended, with this exit code if it was not killed.
    Ended(Pid, Option<i32>),
}

/// Traces a test process, from its first instruction, its first launcher, and the first supervisor of
/// that. The server is not traced.
///
/// All calls come from one thread. It may have other children, but waits for none of them elsewhere
/// while there are traced processes.
pub(crate) struct Tracer {
    test: Pid,
    launcher: Option<Pid>,
    supervisor: Option<Pid>,
    /// The threads of the traced processes.
    known: HashMap<Pid, Traced>,
}

impl Tracer {
    #[allow(clippy::zombie_processes, reason = "`run` waits for all children")]
    pub(crate) fn start(command: &Command) -> Self {
        // The shell waits until it is traced.
        let words = ["/bin/sh", "-c", "read go; exec \"$@\"", "sh"];
        let mut shell = test_process::run_by(&words, command);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = shell.spawn().unwrap();
        let test = Pid::from_raw(child.id() as i32);
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(test, options).unwrap();
        ptrace::interrupt(test).unwrap();
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        Self {
            test,
            launcher: None,
            supervisor: None,
            known: HashMap::from([(test, Traced::Test)]),
        }
    }

    pub(crate) fn pid(&self, which: Traced) -> Option<Pid> {
        match which {
            Traced::Test => Some(self.test),
            Traced::Launcher => self.launcher,
            Traced::Supervisor => self.supervisor,
        }
    }

    /// Calls `seen` for each step, until no traced process and no child of this thread is left.
    pub(crate) fn run(&mut self, mut seen: impl FnMut(&Self, Step)) {
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Ok(status) => status,
                Err(Errno::ECHILD) => return,
                Err(error) => panic!("cannot wait: {error}"),
            };
            match status {
                WaitStatus::PtraceSyscall(pid) => {
                    if let Some(which) = self.known.get(&pid) {
                        hide_tracer(pid);
                        seen(self, Step::AtCall(*which));
                    }
                    go_on(pid, None);
                }
                WaitStatus::PtraceEvent(pid, ..) => self.go_on_after_event(pid),
                WaitStatus::Stopped(pid, signal) => go_on(pid, Some(signal)),
                WaitStatus::Exited(pid, code) => seen(self, Step::Ended(pid, Some(code))),
                WaitStatus::Signaled(pid, ..) => seen(self, Step::Ended(pid, None)),
                _ => {}
            }
        }
    }

    /// A new process may stop before its parent reports it.
    fn go_on_after_event(&mut self, pid: Pid) {
        if !self.known.contains_key(&pid) {
            let Some(which) = self.kind_of(pid) else {
                let _ = ptrace::detach(pid, None); // It may have been killed.
                return;
            };
            self.known.insert(pid, which);
            match which {
                Traced::Test => {}
                Traced::Launcher => self.launcher = Some(pid),
                Traced::Supervisor => self.supervisor = Some(pid),
            }
        }
        go_on(pid, None);
    }

    fn kind_of(&self, pid: Pid) -> Option<Traced> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().parse().ok().map(Pid::from_raw)
        };
        let parent = number("PPid:")?;
        match number("Tgid:") {
            Some(group) if group == self.test => Some(Traced::Test),
            _ if parent == self.test && self.launcher.is_none() => Some(Traced::Launcher),
            _ if Some(parent) == self.launcher && self.supervisor.is_none() => {
                Some(Traced::Supervisor)
            }
            _ => None,
        }
    }
}

/// Has a process that asks whether it is traced read about process 1 instead: one that is traced shares
/// no servers with other processes.
fn hide_tracer(pid: Pid) {
    const ASKED: &[u8] = b"/proc/self/status\0";
    const INSTEAD: &[u8] = b"/proc/1/status\0";
    let Ok(info) = ptrace::syscall_info(pid) else { return }; // It may have been killed.
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return;
    }
    // SAFETY: all stops before a system call have this variant, which has integers.
    let entry = unsafe { info.u.entry };
    if entry.nr == libc::SYS_openat as u64 {
        let memory = File::options().read(true).write(true).open(format!("/proc/{pid}/mem"));
        let Ok(memory) = memory else { return };
        let mut path = [0; ASKED.len()];
        let read = memory.read_at(&mut path, entry.args[1]);
        if read.is_ok() && path == ASKED {
            let _ = memory.write_all_at(INSTEAD, entry.args[1]);
        }
    }
}

/// Continues a process to its next system call. It may have been killed.
fn go_on(pid: Pid, signal: Option<Signal>) {
    let _ = ptrace::syscall(pid, signal);
}
