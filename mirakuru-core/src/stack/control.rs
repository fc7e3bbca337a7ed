//! Ending members from another thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::executor::Executor;
use crate::supervisor::{Interrupt, Request};
use crate::types::Signal;

/// Ends members from another thread.
pub(super) struct Control {
    members: Vec<Controlled>,
    /// Nothing more is started.
    is_aborted: AtomicBool,
}

struct Controlled {
    interrupt: Arc<Interrupt>,
    stop: Signal,
    kill: Signal,
    is_ready: AtomicBool,
}

impl Control {
    pub(super) fn new<'a>(executors: impl Iterator<Item = &'a Executor>) -> Self {
        let controlled = |executor: &Executor| Controlled {
            interrupt: Arc::default(),
            stop: executor.spec().stop_signal,
            kill: executor.spec().kill_signal,
            is_ready: AtomicBool::new(false),
        };
        Self { members: executors.map(controlled).collect(), is_aborted: AtomicBool::new(false) }
    }

    /// Returns what ends the start of a member.
    pub(super) fn interrupt(&self, member: usize) -> &Arc<Interrupt> {
        &self.members[member].interrupt
    }

    /// Notes whether a member is starting, which `abort` then ends.
    pub(super) fn set_ready(&self, member: usize, is_ready: bool) {
        self.members[member].is_ready.store(is_ready, Ordering::SeqCst);
    }

    /// Ends the members that are starting, and starts no more.
    pub(super) fn abort(&self) {
        self.is_aborted.store(true, Ordering::SeqCst);
        for member in self.members.iter().filter(|it| !it.is_ready.load(Ordering::SeqCst)) {
            member.interrupt.end(Request::Stop(member.stop.number()));
        }
    }

    pub(super) fn is_aborted(&self) -> bool {
        self.is_aborted.load(Ordering::SeqCst)
    }

    /// Kills all members.
    pub(super) fn kill(&self) {
        self.abort();
        for member in &self.members {
            member.interrupt.end(Request::Kill(member.kill.number()));
        }
    }
}
