//! Time limits, and how a process ends.

use std::time::Duration;

use super::Executor;
use crate::types::{ExpectedExit, Signal};

impl Executor {
    /// Sets how long the process may take until it is ready. Default: 30 seconds. Zero is an error.
    ///
    /// The environment variable `MIRAKURU_TIMEOUT_FACTOR` multiplies this, as all time limits.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{ErrorKind, Executor};
    /// # use std::time::Duration;
    /// let server = Executor::new("sleep 60").output("ready").timeout(Duration::from_millis(50));
    /// assert_eq!(server.start().unwrap_err().kind(), ErrorKind::Timeout);
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.spec.timeout = timeout;
        self
    }

    /// Sets how long the process may take to stop before it is killed. Default: 10 seconds. Zero is an
    /// error.
    ///
    /// A process that waits for [`notify`](Self::notify) gets the time that it asks for by
    /// `EXTEND_TIMEOUT_USEC` while it stops.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # use std::time::Duration;
    /// let server = Executor::shell("trap '' TERM; echo ready; sleep 60").output("ready");
    /// let mut server = server.stop_timeout(Duration::from_millis(50)).start()?;
    /// assert!(server.stop()?.was_killed());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.spec.stop_timeout = timeout;
        self
    }

    /// Sets the signal that asks the process to stop. Default: [`Signal::TERM`].
    ///
    /// [`Signal::KILL`] saves the time in which a server shuts down that has nothing to keep, such as the
    /// 100 ms of Redis.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// let mut server = Executor::new("sleep 60").stop_signal(Signal::INT).start()?;
    /// assert_eq!(server.stop()?.signal(), Some(Signal::INT));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.spec.stop_signal = signal;
        self
    }

    /// Sets the signal that kills the process, by [`Process::kill`](crate::Process::kill) or when its
    /// time to stop is over. Default: [`Signal::KILL`], which is also sent a second after any other
    /// signal.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// let mut server = Executor::new("sleep 60").kill_signal(Signal::INT).start()?;
    /// assert_eq!(server.kill()?.signal(), Some(Signal::INT));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn kill_signal(mut self, signal: Signal) -> Self {
        self.spec.kill_signal = signal;
        self
    }

    /// Sets the expected ends of the process; any other is an error: an exit code, a list of codes, or
    /// a range of them. `-N` stands for signal N, and `143` and `-15` mean the same.
    ///
    /// Default: code 0, the stop signal, and the code into which a shell turns that signal (`143`).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("trap 'exit 2' TERM; echo ready; sleep 60 & wait").output("^ready$");
    /// let mut process = server.expect_exit([0, 2]).start()?;
    /// process.stop()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "expected_returncode")]
    pub fn expect_exit(mut self, exit: impl Into<ExpectedExit>) -> Self {
        self.spec.expect_exit = Some(exit.into());
        self
    }
}
