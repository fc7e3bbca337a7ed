//! One attempt to find a process ready.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::resources::placeholders::Placeholders;
use crate::supervisor::Client;

/// The time limit of the first attempt of a condition whose attempts may hang.
pub(super) const FIRST_LIMIT: Duration = Duration::from_secs(1);

/// Returns the time limit of the next attempt. An attempt that hangs may hang forever or merely be
/// slow, so each attempt gets twice the time of the one before.
pub(super) fn next_limit(attempts: u32) -> Duration {
    FIRST_LIMIT * (1 << attempts.min(10))
}

/// One attempt to find a process ready, which a [`Probe`](crate::Probe) makes.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    pub(super) values: &'a Placeholders,
    pub(super) client: &'a Client,
    pub(super) deadline: Instant,
}

impl Attempt<'_> {
    /// Returns the time at which the whole start times out.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// # use std::time::Instant;
    /// let server = Executor::new("sleep 60")
    ///     .probe(|attempt: &Attempt<'_>| Instant::now() < attempt.deadline())
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns the id of the main process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// let is_ready = |attempt: &Attempt<'_>| {
    ///     println!("looking at process {}", attempt.pid());
    ///     true
    /// };
    /// let server = Executor::new("sleep 60").probe(is_ready).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.client.state().main as u32
    }

    /// Returns the port that `{port}` stands for, if the executor mentions it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// # use std::net::TcpStream;
    /// let connects = |attempt: &Attempt<'_>| {
    ///     attempt.port().is_some_and(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
    /// };
    /// let server = Executor::new("sleep 60").listen("127.0.0.1:{port}").probe(connects).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.values.port("")
    }

    /// Returns the port that `{port:name}` stands for, if the executor mentions it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// # use std::net::TcpStream;
    /// let connects = |attempt: &Attempt<'_>| {
    ///     attempt.port_named("admin").is_some_and(|port| TcpStream::connect(("127.0.0.1", port)).is_ok())
    /// };
    /// let server = Executor::new("sleep 60").listen("127.0.0.1:{port:admin}").probe(connects).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn port_named(&self, name: &str) -> Option<u16> {
        self.values.port(name)
    }

    /// Returns the directory that `{dir}` stands for, if the executor mentions it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// let has_data = |attempt: &Attempt<'_>| attempt.dir().is_some_and(|dir| dir.join("data").exists());
    /// let server = Executor::shell("touch {dir}/data; exec sleep 60").probe(has_data).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    pub fn dir(&self) -> Option<&Path> {
        self.values.dir()
    }

    /// Replaces the placeholders of a text by their values.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidInput`](crate::ErrorKind::InvalidInput) if a placeholder is unknown or has
    /// no value in this process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// # use std::net::TcpStream;
    /// let connects = |attempt: &Attempt<'_>| {
    ///     attempt.render("127.0.0.1:{port}").is_ok_and(|address| TcpStream::connect(address).is_ok())
    /// };
    /// let server = Executor::new("sleep 60").listen("127.0.0.1:{port}").probe(connects).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn render(&self, text: impl AsRef<str>) -> Result<String> {
        self.values.render(text.as_ref())
    }
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("process", &self.client.name())
            .field("pid", &self.pid())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
