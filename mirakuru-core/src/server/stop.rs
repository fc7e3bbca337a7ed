//! Ending a server, pausing it, and checking that nothing of it is left.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::libc;

use super::Server;
use crate::diagnostics::port_owner;
use crate::error::{Error, ErrorKind, Result};
use crate::supervisor::{Phase, Request};
use crate::sys;
use crate::types::{Exit, Signal};

/// The time that signals get to arrive before the tree is checked again.
const PAUSE_STEP: Duration = Duration::from_micros(500);

impl Server {
    /// Ends the server if it is running, and returns how it ended.
    pub(crate) fn end(&self, request: Request) -> Result<Exit> {
        let mut state = self.state();
        if state.is_running() {
            let _ = self.client.request(request); // If the supervisor is gone, the wait ends at once.
            state = self
                .client
                .wait_for_stop(|state| !state.is_running())
                .ok_or_else(|| self.failed(ErrorKind::Os, "does not end, not even by SIGKILL"))?;
            if self.client.is_end_reported() {
                self.client.note_end(&state); // Another process has started it.
            }
            self.client.report_end(&state);
        }
        if let Phase::Refused(pid) = state.phase {
            return Err(self.refused(pid));
        }
        self.client.sweep_if_lost();
        // When a supervisor is killed, the kernel kills the server's main process.
        let killed = Exit::new(ExitStatus::from_raw(libc::SIGKILL));
        Ok(state.ended().unwrap_or(killed))
    }

    /// Fails if a process of the server belongs to a user whose processes cannot be signalled.
    pub(super) fn check_permission(&self) -> Result<()> {
        let tree = sys::descendants_of(self.client.supervisor_pid());
        let mut all = std::iter::once(self.state().main).chain(tree);
        all.find(|pid| sys::refuses_signals(*pid)).map_or(Ok(()), |pid| Err(self.refused(pid)))
    }

    fn refused(&self, pid: i32) -> Error {
        let what = format!("cannot be signalled: {}", port_owner::refusal(pid));
        let help =
            "run the tests as that user or as root, or have the process give up the other user";
        self.failed(ErrorKind::Os, &what).with_help(help)
    }

    /// Fails if the server, asked to stop by `signal`, did not end as its executor expects.
    pub(crate) fn check_exit(&self, exit: Exit, signal: Signal) -> Result<Exit> {
        // The children of a main process that crashed may have outlived it.
        let exit = self.crash().unwrap_or(exit);
        if exit.is_expected(self.plan.expect_exit.as_ref(), signal) {
            return Ok(exit);
        }
        let what = format!("{exit}, which was not expected");
        let error = self.failed(ErrorKind::UnexpectedExit, &what);
        let code = exit.code().or_else(|| Some(-exit.signal()?.number())).unwrap_or_default();
        let help = match &self.plan.expect_exit {
            None => format!("if this end is expected, add `expect_exit({code})`"),
            Some(expected) => {
                format!("if this end is expected too, add {code} to `expect_exit({expected})`")
            }
        };
        Err(error.or_help(help).with_report(|report| report.exit = Some(exit)))
    }

    /// Fails if there is no such signal.
    pub(crate) fn check_signal(&self, signal: Signal) -> Result<()> {
        let checked = Signal::try_from(signal.number()).map(drop);
        checked.map_err(|error| Error::invalid(error.to_string()).about(&self.plan.name))
    }

    /// Fails if any process of the server is running.
    pub(crate) fn leak_check(&self) -> Result<()> {
        let left = self.client.left();
        if left.is_empty() && !self.state().is_running() {
            return Ok(());
        }
        let left: Vec<_> = left.iter().map(|pid| port_owner::describe(*pid)).collect();
        let what = format!("has left running: {}", left.join(", "));
        Err(self.failed(ErrorKind::Leak, &what).with_help(match self.state().is_running() {
            true => "it has not been stopped: `stop` ends it with all that it has spawned",
            false => "these have escaped from its supervisor: end them by their pids",
        }))
    }

    /// Returns how an earlier main process crashed that left others running.
    ///
    /// A launcher that exits with code 0 and leaves a daemon behind has done its work.
    pub(crate) fn crash(&self) -> Option<Exit> {
        self.state().previous_main_exit.filter(|exit| !exit.success())
    }

    /// Pauses all processes of the server.
    pub(crate) fn pause(&self) -> Result<()> {
        let deadline = Instant::now() + self.plan.stop_timeout;
        while Instant::now() < deadline {
            // Repeated, because a process that is not paused yet may have spawned more.
            self.request(Request::Pause)?;
            let tree = sys::descendants_of(self.client.supervisor_pid());
            if tree.into_iter().all(sys::is_paused) {
                return Ok(());
            }
            self.client.wait(Instant::now() + PAUSE_STEP, |state| !state.is_running());
        }
        Err(self.failed(ErrorKind::Timeout, "cannot be paused"))
    }
}
