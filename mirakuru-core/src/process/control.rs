//! Signals, pauses, the standard input of a process, and its end.

use std::fs::File;
use std::time::Duration;

use super::Process;
use crate::diagnostics::time_limit::{Limit, multiplied};
use crate::error::{ErrorKind, Result};
use crate::supervisor::{Request, State};
use crate::sys;
use crate::types::{Exit, Signal};

impl Process {
    /// Sends a signal to the main process.
    ///
    /// # Errors
    ///
    /// [`Exited`](ErrorKind::Exited) if the process has ended,
    /// [`InvalidInput`](ErrorKind::InvalidInput) if there is no such signal.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Signal};
    /// # use std::time::Duration;
    /// let script = "trap 'echo reloaded' HUP; echo ready; while :; do sleep 0.01; done";
    /// let mut server = Executor::shell(script).output("ready").start()?;
    /// server.signal(Signal::HUP)?;
    /// server.log().wait_for("^reloaded$", Duration::from_secs(10))?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.server.check_signal(signal)?;
        self.server.request(Request::Signal(signal.number()))
    }

    /// Pauses the process and everything that it has spawned, and returns when all of it is paused.
    /// On other systems than Linux some of it may run for a moment longer.
    ///
    /// # Errors
    ///
    /// [`Exited`](ErrorKind::Exited) if the process has ended, [`Timeout`](ErrorKind::Timeout) if it
    /// keeps spawning others for longer than its stop timeout.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").start()?;
    /// server.pause()?;
    /// // A client that connects now gets no answer.
    /// server.resume()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn pause(&mut self) -> Result<()> {
        self.server.pause()
    }

    /// Resumes a paused process.
    ///
    /// # Errors
    ///
    /// [`Exited`](ErrorKind::Exited) if the process has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("sleep 60").start()?;
    /// server.pause()?;
    /// server.resume()?;
    /// assert!(server.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn resume(&mut self) -> Result<()> {
        self.server.request(Request::Resume)
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    ///
    /// [`Timeout`](ErrorKind::Timeout) if it is still running after this time. It is not stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// # use std::time::Duration;
    /// let mut job = Executor::shell("exit 3").start()?;
    /// assert_eq!(job.wait_timeout(Duration::from_secs(10))?.code(), Some(3));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> Result<Exit> {
        self.server.check_own("has no end that can be waited for")?;
        let timeout = multiplied(timeout);
        let state = self.server.wait(sys::deadline_after(timeout));
        state.as_ref().and_then(State::ended).ok_or_else(|| {
            let what = format!("has not ended within {}", Limit(timeout));
            self.server.failed(ErrorKind::Timeout, &what)
        })
    }

    /// Takes the writing end of the standard input of the process, which reads end of file when this
    /// is dropped. There is one if the executor asks for [`Stdin::Piped`](crate::Stdin::Piped), until it is
    /// taken. A shared process keeps it from test to test.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stdin};
    /// # use std::io::Write;
    /// # use std::time::Duration;
    /// let mut server = Executor::new("cat").stdin(Stdin::Piped).start()?;
    /// let mut stdin = server.take_stdin().expect("it is piped");
    /// stdin.write_all(b"hello\n").unwrap();
    /// server.log().wait_for("^hello$", Duration::from_secs(10))?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn take_stdin(&mut self) -> Option<File> {
        self.server.take_stdin()
    }
}
