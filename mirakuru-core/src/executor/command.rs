//! What runs, and with what around it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::Executor;
use crate::command::{CommandLine, Environment, Stdin};
use crate::launch::spec::ProcessSpec;

impl Executor {
    /// Describes a process by its command: a text that is split into words as a shell would split it
    /// (no shell runs it), or an array of words that are not split.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").start()?;
    /// let same = Executor::new(["sleep", "60"]).start()?;
    /// assert!(server.is_running() && same.is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn new(command: impl Into<CommandLine>) -> Self {
        let spec = ProcessSpec::new(command.into());
        Self { spec, after_ready_with: Vec::new(), needs: Vec::new() }
    }

    /// Describes a process by a script for `/bin/sh -c`. The variables of the shell, `${HOME}`, are no
    /// placeholders.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let script = "echo serving $HOME; exec sleep 60";
    /// let server = Executor::shell(script).output("^serving").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(["/bin/sh".to_owned(), "-c".to_owned(), script.into()])
    }

    /// Sets the name of the process in messages. Default: the name of its program. In place of a shell or
    /// an interpreter (`sh`, `python3`, `node`, …), it is that of the fixture, the static or the parameter by
    /// which a test gets the process; without one, a shell's is the program that its script ends with (`exec program`), or `script`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").name("worker").start()?;
    /// assert_eq!(server.name(), "worker");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.spec.name = Some(name.into());
        self
    }

    /// Adds an argument. It is not split.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("echo").arg("one  argument").start()?;
    /// server.wait_timeout(std::time::Duration::from_secs(10))?;
    /// assert_eq!(server.log().read()?, "one  argument\n");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.spec.more_args.push(arg.into());
        self
    }

    /// Adds arguments. They are not split.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let mut server = Executor::new("echo on").args(["port", "{port}"]).start()?;
    /// server.wait_timeout(std::time::Duration::from_secs(10))?;
    /// assert_eq!(server.log().read()?, server.render("on port {port}\n")?);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.spec.more_args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable. Default: the process inherits the environment of the tests, without
    /// the variables by which a service manager talks to them (`NOTIFY_SOCKET`, `LISTEN_FDS`, …).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo on port $PORT; exec sleep 60").env("PORT", "{port}");
    /// let server = server.output("^on port").start()?;
    /// assert_eq!(server.log().read()?, server.render("on port {port}\n")?);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "envvars")]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.spec.environment.changes.push((name.into(), Some(value.into())));
        self
    }

    /// Sets environment variables.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo $USER_NAME, $ROLE; exec sleep 60");
    /// let server = server.envs([("USER_NAME", "ada"), ("ROLE", "admin")]);
    /// let server = server.output("^ada, admin$").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn envs<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let changes = variables.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        self.spec.environment.changes.extend(changes);
        self
    }

    /// Removes an environment variable.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo ${LANG-no language}; exec sleep 60");
    /// let server = server.env_remove("LANG").output("^no language$").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.spec.environment.changes.push((name.into(), None));
        self
    }

    /// Starts from an empty environment. Variables that were set before this call are dropped. One
    /// variable is always set: `MIRAKURU_PROCESS` marks everything that the process spawns.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo ${LANG-no language}; exec sleep 60");
    /// let server = server.env_clear().env("PATH", "/usr/bin:/bin");
    /// let server = server.output("^no language$").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn env_clear(mut self) -> Self {
        self.spec.environment = Environment { clear: true, changes: Vec::new() };
        self
    }

    /// Sets the working directory. Default: that of the tests, which cargo sets to the directory of
    /// the package.
    ///
    /// Relative paths of a program, a pid file and a socket are relative to it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("pwd; exec sleep 60").current_dir("/").output("^/$").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "cwd")]
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spec.current_dir = Some(dir.into());
        self
    }

    /// Sets the standard input. Default: end of file at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("cat; exec sleep 60").stdin("hello").output("^hello$").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn stdin(mut self, input: impl Into<Stdin>) -> Self {
        self.spec.stdin = input.into();
        self
    }

    /// Listens on this TCP address, `host:port`, and passes the socket to the process as systemd does
    /// for socket activation, by `LISTEN_FDS` and `LISTEN_PID`.
    ///
    /// Connections that are made before the process accepts wait, also across a restart. After several
    /// calls, at most 16, the process has the sockets in the order of the calls, from descriptor 3 on.
    /// `localhost` means `127.0.0.1` here. A shell in front of the process has to `exec` it, because
    /// `LISTEN_PID` is the id of the shell.
    ///
    /// The kernel completes connections before the process accepts them, so [`tcp`](Executor::tcp)
    /// waits until the process has accepted one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo has $LISTEN_FDS socket; exec sleep 60");
    /// let server = server.listen("127.0.0.1:{port}").output("^has 1 socket$").start()?;
    /// let waits = std::net::TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "socket activation")]
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.spec.listens.push(address.into());
        self
    }
}
