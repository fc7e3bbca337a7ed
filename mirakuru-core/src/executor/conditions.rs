//! When a process counts as started.

use std::path::PathBuf;
use std::sync::Arc;

use super::Executor;
use crate::command::CommandLine;
use crate::output::Banner;
use crate::readiness::{
    CommandSpec, ConditionSpec, Http, NotifySpec, PidFileSpec, Probe, ProbeSpec, ReadyFdSpec,
    ReplySpec, TcpSpec, UdpSpec, UnixSocketSpec,
};
use crate::types::Owner;

impl Executor {
    /// Waits for a line of output that matches a regular expression, or a [`Banner`].
    ///
    /// The text that a named group matches becomes a placeholder, for a server that chooses its port:
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -u -m http.server 0 --bind 127.0.0.1")
    ///     .output(r"HTTP on 127.0.0.1 port (?<port>\d+)")
    ///     .http("http://127.0.0.1:{port}/")
    ///     .start()?;
    /// assert!(server.url().ends_with(&server.render(":{port}/")?));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "OutputExecutor")]
    #[doc(alias = "banner")]
    pub fn output(self, banner: impl Into<Banner>) -> Self {
        self.waits_for(banner.into())
    }

    /// Waits until the process listens at this TCP address, `host:port`. `localhost` and `*.localhost`
    /// mean both `127.0.0.1` and `::1`, of which one is enough; another name is resolved before the
    /// start.
    ///
    /// On Linux, the kernel shows that a process of ours listens, and no connection is made unless
    /// [`connect`](Executor::connect) asks for one. Elsewhere, and where the owner of the socket cannot
    /// be determined, a connection has to be accepted.
    ///
    /// Port 0 means whichever port of this host the process listens on. On Linux, the port is found
    /// among the listening sockets of the process, and `{port}` then stands for it. Elsewhere, port 0
    /// is an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1")
    ///     .tcp("127.0.0.1:{port}")
    ///     .start()?;
    /// assert_eq!(server.addr().port(), server.port());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "TCPExecutor")]
    pub fn tcp(self, address: impl Into<String>) -> Self {
        self.waits_for(TcpSpec(address.into()))
    }

    /// Waits until a socket of the process is bound to this UDP address, `127.0.0.1:{udp}`. Nothing is
    /// sent on Linux; elsewhere, an empty datagram, which a port without a socket refuses.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let script = "import socket as s; u = s.socket(type=2); u.bind(('127.0.0.1', {udp})); u.recv(1)";
    /// let server = Executor::new(["python3", "-c", script]).udp("127.0.0.1:{udp}").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn udp(self, address: impl Into<String>) -> Self {
        self.waits_for(UdpSpec(address.into()))
    }

    #[doc = include_str!("../readiness/reply.md")]
    pub fn reply(
        self,
        address: impl Into<String>,
        send: impl Into<Vec<u8>>,
        pattern: impl Into<String>,
    ) -> Self {
        self.waits_for(ReplySpec::new(address.into(), send.into(), pattern.into()))
    }

    /// Waits until this URL answers a HEAD request with a status from 200 to 299, or as an [`Http`]
    /// describes. The URL of a Unix socket is `http://unix:{dir}/server.sock:/health`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1")
    ///     .http("http://127.0.0.1:{port}/")
    ///     .start()?;
    /// assert_eq!(server.url(), server.render("http://127.0.0.1:{port}/")?);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "HTTPExecutor")]
    pub fn http(self, http: impl Into<Http>) -> Self {
        self.waits_for(http.into())
    }

    /// Waits until the process listens on this Unix socket, or takes datagrams there. `@name` is an
    /// abstract name, as Linux has them. A connection is made where [`tcp`](Executor::tcp) makes one.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let script = "import socket as s; u = s.socket(s.AF_UNIX); u.bind('{dir}/socket'); u.listen(); u.accept()";
    /// let server = Executor::new(["python3", "-c", script]).unix_socket("{dir}/socket").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "UnixSocketExecutor")]
    pub fn unix_socket(self, path: impl Into<PathBuf>) -> Self {
        self.waits_for(UnixSocketSpec(path.into()))
    }

    /// Waits until this file names a living process. A file that stays empty for 100 ms counts, too:
    /// some programs never write their pid.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo $$ > {dir}/server.pid; exec sleep 60");
    /// let server = server.pid_file("{dir}/server.pid").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "PidExecutor")]
    pub fn pid_file(self, path: impl Into<PathBuf>) -> Self {
        self.waits_for(PidFileSpec(path.into()))
    }

    /// Waits until this command exits with code 0: `"pg_isready -p {port}"`.
    ///
    /// The command runs again and again, in the working directory and with the environment of the
    /// process. The first run has a time limit of one second, each further run twice that of the run
    /// before. An error report quotes the last line that it printed. It is contained as the process
    /// itself is: whatever it leaves running is killed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("touch {dir}/ready; exec sleep 60");
    /// let server = server.ready_command("test -e {dir}/ready").start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn ready_command(self, command: impl Into<CommandLine>) -> Self {
        self.waits_for(CommandSpec(command.into()))
    }

    #[doc = include_str!("../readiness/sd_notify.md")]
    #[doc(alias = "sd_notify")]
    pub fn notify(self) -> Self {
        self.waits_for(NotifySpec)
    }

    /// Waits for an end of line on this descriptor of the process, as the s6 supervision suite does.
    /// The number is from 3 to 19. Pass it to the process in an argument or a variable.
    ///
    /// Closing the descriptor without an end of line is an error. What is written later is discarded. A
    /// process has at most one such descriptor.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo >&3; exec sleep 60").ready_fd(3).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[doc(alias = "notification-fd")]
    pub fn ready_fd(self, number: i32) -> Self {
        self.waits_for(ReadyFdSpec(number))
    }

    /// Fails the start as soon as a line of output matches this regular expression: the process will
    /// never be ready. May be called several times; any match counts.
    ///
    /// A condition is needed as well: without one, a process is ready at once.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{ErrorKind, Executor};
    /// let server = Executor::shell("echo 'FATAL: no disk'; sleep 60").output("ready").fail_on("^FATAL");
    /// let error = server.start().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Failed);
    /// ```
    pub fn fail_on(mut self, pattern: impl Into<String>) -> Self {
        self.spec.fail_on.push(pattern.into());
        self
    }

    /// Connects to each TCP port that is waited for, even where the kernel proves that the process
    /// listens. Default: false, so that a server for one client still has it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1")
    ///     .tcp("127.0.0.1:{port}")
    ///     .connect(true)
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn connect(mut self, connect: bool) -> Self {
        self.spec.connects = connect;
        self
    }

    /// Sets whose listener counts. Default: [`Owner::Tree`].
    ///
    /// With [`Owner::Any`], any listener that appears after the start counts, as the proxy of
    /// `docker run`, which accepts before the server in the container does: wait for `http` as well.
    /// Port 0 is an error then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use mirakuru_core::{Executor, Owner};
    /// let redis = Executor::new("docker run --rm -p 127.0.0.1:{port}:6379 redis")
    ///     .reply("127.0.0.1:{port}", "PING\r\n", "PONG")
    ///     .owner(Owner::Any)
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn owner(mut self, owner: Owner) -> Self {
        self.spec.owner = owner;
        self
    }

    /// Waits for a condition of your own. With several conditions, each is checked once more after all
    /// have held.
    ///
    /// For a shared process, a probe that holds values needs an [`identity`](Probe::identity).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Attempt, Executor};
    /// let server = Executor::shell("touch {dir}/ready; exec sleep 60")
    ///     .probe(|attempt: &Attempt<'_>| attempt.dir().is_some_and(|dir| dir.join("ready").exists()))
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn probe(self, probe: impl Probe + 'static) -> Self {
        self.waits_for(ProbeSpec::new(probe))
    }

    fn waits_for(mut self, condition: impl ConditionSpec + 'static) -> Self {
        self.spec.conditions.push(Arc::new(condition));
        self
    }
}
