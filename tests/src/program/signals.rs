use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// Signals that this process blocks and waits for.
#[derive(Debug, Clone, Copy)]
pub struct Signals(SigSet);

impl Signals {
    /// SIGTERM alone.
    pub fn term() -> Signals {
        Signals(SigSet::from(Signal::SIGTERM))
    }

    /// Every signal that can be caught, except SIGALRM and those that a fault raises.
    pub fn catchable() -> Signals {
        use Signal::*;
        let not_ours =
            [SIGKILL, SIGSTOP, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS];
        Signals(Signal::iterator().filter(|signal| !not_ours.contains(signal)).collect())
    }

    /// Blocks the signals. Call it before other threads start, because those inherit the mask.
    #[must_use]
    pub fn block(self) -> Signals {
        self.0.thread_block().expect("blocking takes any set of signals");
        self
    }

    /// Waits for the next signal. The signals have to be blocked.
    pub fn wait(&self) -> Signal {
        self.0.wait().expect("sigwait takes any set of signals")
    }
}

/// Never returns. The alarm ends the process at last.
pub fn sleep_forever() -> ! {
    loop {
        // `park` can return spuriously.
        thread::park();
    }
}
