//! Stopping a process, and starting it again.

use std::panic::{self, AssertUnwindSafe};

use super::Process;
use crate::error::Result;
use crate::supervisor::Request;
use crate::types::{Exit, Signal};

impl Process {
    /// Stops the process with its stop signal, and everything that it has spawned.
    ///
    /// The signal goes to the main process, and when that has ended, to what it has left. If the main
    /// process ignores the signal, or is still there after a tenth of the
    /// [stop timeout](crate::Executor::stop_timeout), everything gets the signal. After the stop
    /// timeout, everything that is left is killed, and a line on standard error says so. Stopping a
    /// process that has ended does nothing, and returns how it ended.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) at once if it runs as a user whose processes this one cannot signal.
    /// [`UnexpectedExit`](crate::ErrorKind::UnexpectedExit) if it ended, now or before, in a way that was
    /// not [expected](crate::Executor::expect_exit). This is reported once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// let mut server = Executor::new("sleep 60").start()?;
    /// assert_eq!(server.stop()?.signal(), Some(Signal::TERM));
    /// assert!(server.stop().is_ok()); // It has ended.
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stop(&mut self) -> Result<Exit> {
        self.stop_with(self.server.plan.stop_signal)
    }

    /// Stops the process with another signal.
    ///
    /// # Errors
    ///
    /// The same as those of [`stop`](Process::stop).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// let mut server = Executor::new("sleep 60").start()?;
    /// assert_eq!(server.stop_with(Signal::INT)?.signal(), Some(Signal::INT));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stop_with(&mut self, signal: Signal) -> Result<Exit> {
        self.server.check_signal(signal)?;
        let exit = self.end(Request::Stop(signal.number()))?;
        let was_settled = std::mem::replace(&mut self.is_settled, true);
        if was_settled {
            Ok(self.server.crash().unwrap_or(exit))
        } else {
            self.server.check_exit(exit, signal)
        }
    }

    /// Kills the process and everything that it has spawned. How it ends is not checked.
    ///
    /// # Errors
    ///
    /// [`Os`](crate::ErrorKind::Os) if the kernel does not end it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// let mut server = Executor::new("sleep 60").start()?;
    /// assert_eq!(server.kill()?.signal(), Some(Signal::KILL));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn kill(&mut self) -> Result<Exit> {
        let exit = self.end(Request::Kill(self.server.plan.kill_signal.number()))?;
        self.is_settled = true;
        Ok(exit)
    }

    fn end(&mut self, request: Request) -> Result<Exit> {
        self.server.check_own("cannot be stopped")?;
        // Some programs wait for the end of file on their standard input.
        self.server.stdin = None;
        self.server.end(request)
    }

    /// Stops the process if it is running, and starts it again with the same ports and directory.
    /// How it ended is not checked. Files and the commands of
    /// [`before_start`](crate::Executor::before_start) are repeated, those of
    /// [`after_ready`](crate::Executor::after_ready) are not.
    ///
    /// # Errors
    ///
    /// The same as those of [`Executor::start`](crate::Executor::start). The process is then not
    /// running.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").env("PORT", "{port}").start()?;
    /// let (port, pid) = (server.port(), server.pid());
    /// server.restart()?;
    /// assert_eq!(server.port(), port);
    /// assert_ne!(server.pid(), pid);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn restart(&mut self) -> Result<()> {
        self.server.check_own("cannot be restarted")?;
        let _ = self.stop(); // How it ended is not checked.
        let is_new = self.server.start_again()?;
        self.is_settled = false;
        if is_new { self.run_after_ready() } else { Ok(()) }
    }

    /// Stops the process, runs `body`, and starts the process again with the same ports, also if
    /// `body` panics.
    ///
    /// # Errors
    ///
    /// [`UnexpectedExit`](crate::ErrorKind::UnexpectedExit) if the process ended in a way that was not
    /// expected; `body` is then not run. Otherwise the errors of [`restart`](Self::restart).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").start()?;
    /// let answer = server.stopped(|| "the server is down")?;
    /// assert!(server.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stopped<R>(&mut self, body: impl FnOnce() -> R) -> Result<R> {
        let stopped = self.stop();
        let outcome = stopped.map(|_| panic::catch_unwind(AssertUnwindSafe(body)));
        let started = self.restart();
        match outcome {
            Ok(Err(panicked)) => panic::resume_unwind(panicked),
            Ok(Ok(value)) => started.map(|()| value),
            Err(error) => Err(error),
        }
    }
}
