use std::thread;

use nix::sys::signal::{SigSet, Signal};

/// Signals that this process does not die of but waits for.
#[derive(Debug, Clone, Copy)]
pub struct Signals(SigSet);

impl Signals {
    /// SIGTERM alone.
    pub fn term() -> Signals {
        Signals(SigSet::from(Signal::SIGTERM))
    }

    /// Every signal that can be caught, but for the watchdog's and those that a fault raises.
    pub fn catchable() -> Signals {
        use Signal::*;
        let not_ours =
            [SIGKILL, SIGSTOP, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS];
        Signals(Signal::iterator().filter(|signal| !not_ours.contains(signal)).collect())
    }

    /// Blocks them. To be called before other threads start, as these inherit what is blocked.
    #[must_use]
    pub fn block(self) -> Signals {
        self.0.thread_block().expect("blocking takes any set of signals");
        self
    }

    /// Waits for the next one; they have to be blocked.
    pub fn wait(&self) -> Signal {
        self.0.wait().expect("sigwait takes any set of signals")
    }
}

/// Never returns. The alarm ends the process in the end.
pub fn sleep_forever() -> ! {
    loop {
        // A loop, because `park` may wake up without a reason.
        thread::park();
    }
}
