//! A stack in the foreground: it runs until the user ends it.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::SIGHUP;
use nix::sys::signal::Signal;
use parking_lot::{Condvar, Mutex};

use super::control::Control;
use super::members::Members;
use super::running::RunningStack;
use super::screen::Screen;
use super::start::{self, Observer};
use crate::diagnostics::stdout;
use crate::error::{Error, ErrorKind, Result};
use crate::output::printer;
use crate::process::Process;
use crate::sys::{self, CaughtSignals};

/// The interval at which the members are looked at.
const STEP: Duration = Duration::from_millis(50);

/// A member that ends more often than this in a minute is not started again.
const ENDS_MAX: usize = 5;

const MINUTE: Duration = Duration::from_secs(60);

/// What the thread that handles signals and the one that runs the members share.
struct Foreground {
    screen: Screen,
    names: Vec<String>,
    /// The user has ended the run.
    is_over: AtomicBool,
    /// What ends the members, once there are any.
    control: Mutex<Option<Arc<Control>>>,
    changed: Condvar,
}

/// Runs a stack until the user ends it, or one of its members has ended.
pub(super) fn run(members: &Members, restarts: bool) -> Result<()> {
    let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
    let signals = CaughtSignals::new(&signals).map_err(|error| match error.kind() {
        std::io::ErrorKind::ResourceBusy => {
            Error::invalid("another stack of this program runs in the foreground")
        }
        _ => Error::os("signals cannot be handled", error),
    })?;
    let foreground = Foreground {
        screen: Screen::new(members.names()),
        names: members.names().map(str::to_owned).collect(),
        is_over: AtomicBool::new(false),
        control: Mutex::new(None),
        changed: Condvar::new(),
    };
    let failed = |error| Error::os("signals cannot be handled", error);
    let (until, done) = sys::pipe().map_err(failed)?;
    let outcome = thread::scope(|scope| {
        let handler = thread::Builder::new().name("mirakuru-signals".to_owned());
        let handle = || foreground.handle_signals(signals, &until);
        handler.spawn_scoped(scope, handle).map_err(failed)?;
        let outcome = foreground.run(members, restarts);
        drop(done);
        outcome
    });
    printer::finish_stdout();
    outcome
}

impl Foreground {
    fn run(&self, members: &Members, restarts: bool) -> Result<()> {
        let mut running = match start::start(members, self) {
            Err(_) if self.is_over() => return Ok(()),
            started => started?,
        };
        if !self.is_over() {
            self.screen.print_table(running.processes());
            self.screen.print("Ctrl-C stops all of them");
        }
        let outcome = self.watch(&mut running, restarts);
        if let Err(error) = &outcome {
            self.screen.print(&format!("{error}; stopping the others"));
        }
        let _ = running.stop(); // How they end on request is not checked.
        outcome
    }

    /// Returns when the run is over.
    fn watch(&self, running: &mut RunningStack, restarts: bool) -> Result<()> {
        let mut ends: Vec<_> = self.names.iter().map(|_| VecDeque::new()).collect();
        while !self.is_over() && !stdout::is_closed() {
            for (member, ends) in ends.iter_mut().enumerate() {
                let (Some(process), control) = running.member_mut(member) else { continue };
                if !process.is_running() {
                    self.on_end(process, member, control, restarts.then_some(ends))?;
                }
            }
            let mut control = self.control.lock();
            if !self.is_over() {
                self.changed.wait_for(&mut control, STEP);
            }
        }
        Ok(())
    }

    /// Starts a member again that has ended, or fails.
    fn on_end(
        &self,
        process: &mut Process,
        member: usize,
        control: &Control,
        ends: Option<&mut VecDeque<Instant>>,
    ) -> Result<()> {
        let error = process.server().failed(ErrorKind::Exited, "has ended");
        let Some(ends) = ends else { return Err(error) };
        ends.push_back(Instant::now());
        ends.retain(|end| end.elapsed() < MINUTE);
        if ends.len() > ENDS_MAX {
            let help = format!("it ended more than {ENDS_MAX} times in a minute");
            return Err(error.with_help(help));
        }
        let exit = process.exit_status().map_or("ended".to_owned(), |exit| exit.to_string());
        self.screen.print(&format!("{} {exit}; starting it again", process.name()));
        control.set_ready(member, false);
        if self.is_over() {
            return Ok(()); // What ends the run has left this member alone.
        }
        let began = Instant::now();
        match process.restart() {
            Err(_) if self.is_over() => return Ok(()),
            started => started?,
        }
        control.set_ready(member, true);
        self.screen.print_ready(process, began.elapsed());
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Ends the run at the first signal, and kills all members at the second, until `until` is closed.
    /// The signals have their former effect when this returns.
    fn handle_signals(&self, signals: CaughtSignals, until: &OwnedFd) {
        loop {
            let ready = sys::wait_readable(&[until.as_fd(), signals.as_fd()], None);
            if ready.is_err() || ready.is_ok_and(|ready| ready[0]) {
                return;
            }
            for signal in signals.take() {
                let was_over = self.is_over();
                if !was_over {
                    self.end();
                // A terminal that is closed sends it twice: from the kernel and from the shell.
                } else if signal != SIGHUP {
                    self.screen.print("killing all");
                    return self.control.lock().iter().for_each(|control| control.kill());
                }
            }
        }
    }

    fn end(&self) {
        self.screen.print("stopping, in reverse order; Ctrl-C kills");
        let control = self.control.lock();
        self.is_over.store(true, Ordering::SeqCst);
        control.iter().for_each(|control| control.abort());
        self.changed.notify_all();
    }
}

impl Observer for Foreground {
    fn prefix(&self, member: usize) -> Option<String> {
        Some(self.screen.prefix(&self.names[member], member))
    }

    fn begins(&self, control: &Arc<Control>) {
        let mut current = self.control.lock();
        if self.is_over() {
            control.abort();
        }
        *current = Some(Arc::clone(control));
    }

    fn is_ready(&self, process: &Process, elapsed: Duration) {
        self.screen.print_ready(process, elapsed);
    }
}
