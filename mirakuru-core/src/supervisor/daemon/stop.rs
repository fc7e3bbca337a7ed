//! Ending the server, and signals to its processes.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use nix::libc;

use super::process_tree::{ProcessTree, own_pid};
use super::stages::{Stage, Stop, Wave};
use crate::supervisor::protocol::Event;
use crate::sys;

impl ProcessTree {
    /// Stops the server as its settings say, if it is running. It is not started again.
    pub(super) fn stop_for_good(&mut self) {
        if matches!(self.stage, Stage::Running) {
            self.stop(self.settings.stop_signal, Wave::Main);
        }
    }

    pub(super) fn stop_timeout(&self) -> Duration {
        self.settings.stop_timeout
    }

    /// Begins a stop, which reaches at once what belongs to `wave`.
    pub(super) fn stop(&mut self, signal: i32, wave: Wave) {
        self.stdin = None;
        if self.is_idle() || self.stage.is_killing(wave) {
            return; // `TreeExited` was sent before, or will be soon.
        }
        if wave == Wave::All {
            self.shared_memory.note_mapped(own_pid());
            self.shared_memory.abandon();
            if signal == libc::SIGKILL {
                self.stage = Stage::Killing;
                return;
            }
        }
        let mut stop = match wave {
            Wave::Main | Wave::Children => Stop::gentle(signal, &self.settings),
            Wave::All => Stop::kill(signal),
        };
        if let Stage::Stopping(before) = &self.stage {
            // What a stop has reached, the next one reaches at once.
            stop.wave = stop.wave.max(before.wave);
        }
        // It is asked before the handler of the signal can change that.
        if !self.main_ended && self.main_ignores(signal) {
            stop.wave = Wave::All;
        }
        if stop.wave == Wave::Main && !self.main_ended {
            self.was_refused |= !signal_to_end(self.main, signal);
            stop.signalled.insert(self.main);
        } else {
            self.continue_all();
        }
        self.stage = Stage::Stopping(stop);
    }

    /// Gives a server that is being stopped more time, because it has asked for it.
    pub(super) fn extend_stop(&mut self, more: Duration) {
        if let Stage::Stopping(stop) = &mut self.stage {
            if stop.extend(more) {
                self.emit(Event::StopExtended(more.as_micros() as u64));
            }
        }
    }

    /// Continues a stop: with the next wave, or with a stronger signal after the deadline.
    pub(super) fn escalate(&mut self) {
        let now = Instant::now();
        match &mut self.stage {
            Stage::Stopping(stop) if now >= stop.deadline => {
                self.was_killed = true;
                let signal = if stop.is_last { libc::SIGKILL } else { self.settings.kill_signal };
                self.stop(signal, Wave::All);
            }
            Stage::Stopping(stop) => {
                stop.advance(now, self.main_ended);
                if stop.is_time_to_continue(now) {
                    self.continue_all();
                }
            }
            Stage::Idle | Stage::Running | Stage::Killing => {}
        }
        self.signal_wave();
        self.give_up_if_refused();
    }

    /// Ends the stop if processes of other users are all that is left: the kernel refuses to signal
    /// them.
    fn give_up_if_refused(&mut self) {
        let may_be_refused = match &self.stage {
            // What was not a child of the supervisor when it was signalled did not report that.
            Stage::Stopping(stop) => self.was_refused || stop.wave == Wave::All,
            Stage::Killing => self.was_refused,
            Stage::Idle | Stage::Running => false,
        };
        if !may_be_refused || !self.reachable().into_iter().all(sys::refuses_signals) {
            return;
        }
        let left = match self.adopts {
            true => sys::descendants_of(own_pid()),
            false => vec![self.main],
        };
        if let (Some(pid), true) = (left.first(), left.iter().all(|pid| sys::refuses_signals(*pid)))
        {
            self.stage = Stage::Idle;
            self.emit(Event::Refused(*pid));
        }
    }

    /// Signals what the stage is to reach now.
    fn signal_wave(&mut self) {
        let is_main_alone = matches!(self.stage, Stage::Stopping(Stop { wave: Wave::Main, .. }));
        if is_main_alone || matches!(self.stage, Stage::Idle | Stage::Running) {
            return;
        }
        let reachable = self.reachable();
        match &mut self.stage {
            Stage::Stopping(stop) => {
                let signal = stop.signal;
                for pid in reachable {
                    if stop.signalled.insert(pid) {
                        self.was_refused |= !signal_to_end(pid, signal);
                    }
                }
                if stop.wave == Wave::All {
                    sys::signal_new_descendants(own_pid(), signal, &mut stop.signalled);
                }
            }
            _ => {
                for pid in reachable {
                    self.was_refused |= !signal_process(pid, libc::SIGKILL);
                }
            }
        }
    }

    /// Sends a signal to the main process.
    pub(super) fn signal_main(&self, signal: i32) {
        if !self.main_ended {
            signal_process(self.main, signal);
        }
    }

    /// Continues what is paused: it could not handle a signal, nor what its parent then sends it.
    pub(super) fn continue_all(&self) {
        self.signal_tree(libc::SIGCONT);
    }

    /// Sends a signal to everything.
    pub(super) fn signal_tree(&self, signal: i32) {
        if self.is_idle() {
            return;
        }
        if self.adopts {
            sys::signal_descendants(own_pid(), signal);
        } else {
            signal_process(-self.main, signal);
        }
    }

    /// Returns what can be signalled safely: children that are not reaped, or if orphans are not adopted,
    /// the process groups of the server and its step.
    fn reachable(&self) -> Vec<i32> {
        match self.adopts {
            true => sys::children_of(own_pid()),
            false => std::iter::once(self.main).chain(self.step).map(|pid| -pid).collect(),
        }
    }
}

/// Sends a signal that ends a process, which a paused one handles only when it is continued. Returns false
/// if the kernel refuses that.
fn signal_to_end(pid: i32, signal: i32) -> bool {
    signal_process(pid, signal) & signal_process(pid, libc::SIGCONT)
}

fn signal_process(pid: i32, signal: i32) -> bool {
    // If it has ended, it is still a zombie of ours.
    !sys::kill(pid, signal).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}
