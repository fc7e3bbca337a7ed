//! What is set up around a process.

use std::fmt::Display;

use super::Executor;
use crate::command::CommandLine;
use crate::process::{AfterReady, Process};

impl Executor {
    /// Writes a file before each start. The path begins with `{dir}/`, so the file is removed with the
    /// process; directories on the way are made. Placeholders in the text are filled in, and other braces
    /// are left as they are.
    ///
    /// Only the user of the process can read the file, and execute it if the text begins with `#!`. What
    /// the process or a command has changed in it is overwritten at the next start.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 {dir}/server.py")
    ///     .file("{dir}/server.py", "import http.server as s; s.test(s.SimpleHTTPRequestHandler, port={port})")
    ///     .http("http://127.0.0.1:{port}/")
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn file(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.spec.set_up.files.push((path.into(), text.into()));
        self
    }

    /// Fills `{dir}` by a command that runs once on this machine: for `initdb` and the like. What it leaves
    /// there is kept below the target directory, and copied into the `{dir}` of each later process; files
    /// share their blocks where the file system can do that. Several run one after the other.
    ///
    /// It runs again if anything is different: the command, its program, the files, the environment that the
    /// executor sets, the locale or the user. However many test processes ask, one runs it, and the others
    /// wait. Files are written before it and again after it. A port in the command is an error. If the path
    /// of `{dir}`, or a port of the environment, stands in what it leaves, in a file of up to 64 MiB, it is
    /// not kept and runs for each process; a line on standard error says so.
    ///
    /// Templates that were not used for 30 days are removed, and the ones that were not used longest when
    /// all have more than 4 GiB. `MIRAKURU_TEMPLATES=off` keeps none. A program that the command runs, other
    /// than its first word, may change without notice: run `cargo clean`, or change the command.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1 --directory {dir}/site")
    ///     .template(["sh", "-c", "mkdir {dir}/site && echo hello > {dir}/site/greeting"])
    ///     .http("http://127.0.0.1:{port}/greeting")
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn template(mut self, command: impl Into<CommandLine>) -> Self {
        self.spec.set_up.template.push(command.into());
        self
    }

    /// Runs a command to its end before each start, after the files are written. Several run one after
    /// the other.
    ///
    /// It has the environment, the directory and the user of the process, and no standard input. Its
    /// output goes to the log, where it counts for no condition. It takes part of the
    /// [time limit](Executor::timeout) of the start. If it fails, so does the start, with
    /// [`Failed`](crate::ErrorKind::Failed). Processes that it leaves behind are killed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1 --directory {dir}")
    ///     .before_start("mkdir {dir}/assets")
    ///     .http("http://127.0.0.1:{port}/assets/")
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn before_start(mut self, command: impl Into<CommandLine>) -> Self {
        self.spec.set_up.before_start.push(command.into());
        self
    }

    /// Runs a command to its end when all conditions hold, before any test uses the process: for a
    /// schema, users, or topics. Several run one after the other.
    ///
    /// Unlike [`before_start`](Executor::before_start), it does not run again at a
    /// [restart](Process::restart). It may have captured placeholders. What it leaves behind ends with the
    /// process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1 --directory {dir}")
    ///     .http("http://127.0.0.1:{port}/")
    ///     .after_ready(["sh", "-c", "echo hello > {dir}/greeting"])
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn after_ready(mut self, command: impl Into<CommandLine>) -> Self {
        self.spec.set_up.after_ready.push(command.into());
        self
    }

    /// Calls a closure when all conditions hold and the commands of
    /// [`after_ready`](Executor::after_ready) have run, before any test uses the process. The test process
    /// that starts a shared process calls it, on a thread of its own: a client that blocks, or a runtime
    /// that is made there, can be used in an async test too. An error or a panic fails the start with
    /// [`Failed`](crate::ErrorKind::Failed).
    ///
    /// The time limit of the start does not interrupt it. It is not called again at a
    /// [restart](Process::restart). As with a [`probe`](Executor::probe), tests can share a process only if
    /// the closure captures no variables.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1 --directory {dir}")
    ///     .http("http://127.0.0.1:{port}/")
    ///     .after_ready_with(|process| std::fs::write(process.dir().join("greeting"), "hello"))
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn after_ready_with<F, E>(mut self, set_up: F) -> Self
    where
        F: Fn(&Process) -> Result<(), E> + Send + Sync + 'static,
        E: Display,
    {
        self.after_ready_with.push(AfterReady::new(set_up));
        self
    }

    /// Runs a command to its end when a test returns an exclusive lease, before the next test has the
    /// process: to undo what the test has changed. Several run one after the other, each with the time limit
    /// of a start.
    ///
    /// If one fails, or if the test has left the process stopped or was killed, the next test gets another
    /// process, from its [`template`](Executor::template) and with all other steps. A line on
    /// standard error says so. A test that cannot be undone calls
    /// [`ExclusiveLease::mark_dirty`](crate::ExclusiveLease::mark_dirty).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Shared};
    /// static SITE: Shared = Shared::new(|| {
    ///     Executor::new("python3 -m http.server {port} --bind 127.0.0.1 --directory {dir}")
    ///         .http("http://127.0.0.1:{port}/")
    ///         .reset(["sh", "-c", "rm -rf {dir}/*"])
    /// });
    ///
    /// let site = SITE.exclusive()?;
    /// std::fs::write(site.dir().join("greeting"), "hello").unwrap();
    /// drop(site);
    /// assert!(!SITE.lease()?.dir().join("greeting").exists());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn reset(mut self, command: impl Into<CommandLine>) -> Self {
        self.spec.set_up.reset.push(command.into());
        self
    }

    /// Runs the process and the commands around it as another user, with the groups of that user and
    /// `HOME`, `USER` and `LOGNAME` set. `{dir}` and the files belong to the user. Some servers, such as
    /// PostgreSQL, do not run as root, which tests in a container often do.
    ///
    /// The user has to be able to execute the program, and to enter the directory for temporary files.
    /// Where the tests run as that user already, nothing changes.
    ///
    /// # Errors
    ///
    /// The start fails with [`PermissionDenied`](crate::ErrorKind::PermissionDenied) if the tests run as
    /// a user who is neither this one nor root, and with [`NotFound`](crate::ErrorKind::NotFound) if there
    /// is no such user.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("postgres -D {dir}/data -p {port} -k {dir}")
    ///     .template("initdb -D {dir}/data")
    ///     .user("postgres")
    ///     .tcp("127.0.0.1:{port}")
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.spec.set_up.user = Some(name.into());
        self
    }
}
