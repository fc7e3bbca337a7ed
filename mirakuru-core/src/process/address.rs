//! Where a process is reached, and what else its placeholders stand for.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::Path;

use super::Process;
use crate::error::{Error, Result, or_panic};

impl Process {
    /// Returns the port that `{port}` stands for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_port`](Self::try_port) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").env("PORT", "{port}").start()?;
    /// assert_eq!(server.port().to_string(), server.render("{port}")?);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn port(&self) -> u16 {
        or_panic(self.try_port())
    }

    /// Returns the port that `{port}` stands for: a reserved one, or the one that the process has
    /// chosen.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if nothing in the executor mentions `{port}`, or if
    /// the text that it stands for is not the number of a port.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").start()?;
    /// assert!(server.try_port().is_err()); // Nothing mentions `{port}`.
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn try_port(&self) -> Result<u16> {
        self.try_port_named("")
    }

    /// Returns the port that `{port:name}` stands for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_port_named`](Self::try_port_named) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").env("PORTS", "{port},{port:admin}").start()?;
    /// assert_ne!(server.port_named("admin"), server.port());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn port_named(&self, name: &str) -> u16 {
        or_panic(self.try_port_named(name))
    }

    /// Returns the port that `{port:name}` stands for, or that the group `name` of an output pattern
    /// has captured.
    ///
    /// # Errors
    ///
    /// The same as those of [`try_port`](Self::try_port).
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").env("PORT", "{port:admin}").start()?;
    /// assert!(server.try_port_named("admin").is_ok());
    /// assert!(server.try_port_named("metrics").is_err());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn try_port_named(&self, name: &str) -> Result<u16> {
        self.server.plan.values.port(name).ok_or_else(|| {
            let name = if name.is_empty() { String::new() } else { format!(":{name}") };
            let placeholder = format!("`{{port{name}}}`");
            let what = "nothing in its definition mentions it, and the process has printed none";
            self.missing(&placeholder, what, &format!("write {placeholder} in the command"))
        })
    }

    /// Returns the address that answered.
    ///
    /// # Panics
    ///
    /// Panics where [`try_addr`](Self::try_addr) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1");
    /// let server = server.tcp("localhost:{port}").start()?;
    /// assert_eq!(server.addr().to_string(), server.render("127.0.0.1:{port}")?);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn addr(&self) -> SocketAddr {
        or_panic(self.try_addr())
    }

    /// Returns the address that answered: that of the first condition by
    /// [`tcp`](crate::Executor::tcp) or [`http`](crate::Executor::http).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the executor waits for no address. Where the
    /// process listens is then not known, only which [`port`](Self::port) it was given.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").env("PORT", "{port}").start()?;
    /// assert!(server.try_addr().is_err()); // It was waited for at no address.
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn try_addr(&self) -> Result<SocketAddr> {
        self.server.endpoint.addr.ok_or_else(|| {
            let help = "wait for one by `tcp` or `http`, or use `port()`";
            self.missing("address", "its definition waits for none", help)
        })
    }

    /// Returns the URL that answered. A server of another protocol has none: its URL is written with
    /// [`addr`](Self::addr), as in `format!("redis://{}/", server.addr())`.
    ///
    /// # Panics
    ///
    /// Panics where [`try_url`](Self::try_url) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1");
    /// let server = server.http("http://localhost:{port}/?q=1").start()?;
    /// assert_eq!(server.url(), server.render("http://127.0.0.1:{port}/?q=1")?);
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn url(&self) -> String {
        or_panic(self.try_url())
    }

    /// Returns the URL that answered, with the address that answered as its host. A URL on a Unix
    /// socket is returned as it was written, with its placeholders filled in.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the executor waits for no URL.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").env("PORT", "{port}").start()?;
    /// assert!(server.try_url().is_err()); // It was waited for at no URL.
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn try_url(&self) -> Result<String> {
        self.server.endpoint.url.clone().ok_or_else(|| self.no_url())
    }

    /// Returns the directory that `{dir}` stands for.
    ///
    /// # Panics
    ///
    /// Panics where [`try_dir`](Self::try_dir) returns an error.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::shell("echo 1 > {dir}/data; echo ready; exec sleep 60");
    /// let server = server.output("ready").start()?;
    /// assert_eq!(std::fs::read_to_string(server.dir().join("data")).unwrap(), "1\n");
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    #[must_use]
    #[track_caller]
    pub fn dir(&self) -> &Path {
        or_panic(self.try_dir())
    }

    /// Returns the directory that `{dir}` stands for. It is removed when the process has ended.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if nothing in the executor mentions `{dir}`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").start()?;
    /// assert!(server.try_dir().is_err()); // Nothing mentions `{dir}`.
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn try_dir(&self) -> Result<&Path> {
        self.server.plan.values.dir().ok_or_else(|| {
            let what = "nothing in its definition mentions it";
            self.missing("`{dir}`", what, "write `{dir}` in the command")
        })
    }

    /// Returns the error for a URL that was not waited for, with the line to write instead.
    fn no_url(&self) -> Error {
        let what = format!("{} has no URL: its definition waits for none", self.name());
        let program = self.server.plan.program.file_name().and_then(OsStr::to_str);
        let help = match (self.server.endpoint.addr, program.and_then(url_of_clients)) {
            (Some(_), Some(url)) => format!("write {}", line(url)),
            (Some(_), None) => format!(
                "write it with `addr()`, as in {}; if it speaks HTTP, wait for it by `http` instead \
                 of `tcp`",
                line("redis://{}/")
            ),
            (None, _) => format!(
                "if it speaks HTTP, wait for it by `http`; otherwise by `tcp`, and write the URL \
                 with `addr()`, as in {}",
                line("redis://{}/")
            ),
        };
        Error::invalid(what).with_help(help)
    }

    fn missing(&self, what: &str, why: &str, help: &str) -> Error {
        match &self.server.plan.external {
            Some(external) => external.refuse(self.name(), &format!("has no {what}")),
            None => Error::invalid(format!("{} has no {what}: {why}", self.name())).with_help(help),
        }
    }

    /// Fills in placeholders with the values of this process.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a placeholder is unknown, or has no value in this
    /// process.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::Executor;
    /// let server = Executor::new("sleep 60").env("PORT", "{port}").start()?;
    /// let url = server.render("redis://127.0.0.1:{port}/")?;
    /// assert_eq!(url, format!("redis://127.0.0.1:{}/", server.port()));
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn render(&self, text: impl AsRef<str>) -> Result<String> {
        self.server.plan.values.render(text.as_ref())
    }
}

/// Returns the URL by which clients connect to a program that speaks no HTTP, without its address.
fn url_of_clients(program: &str) -> Option<&'static str> {
    Some(match program {
        "redis-server" | "valkey-server" => "redis://{}/",
        "postgres" => "postgresql://postgres@{}/postgres",
        "mariadbd" | "mysqld" => "mysql://root@{}/",
        "mongod" => "mongodb://{}/",
        "nats-server" => "nats://{}",
        "rabbitmq-server" => "amqp://guest:guest@{}/",
        "mosquitto" => "mqtt://{}",
        _ => return None,
    })
}

/// Returns the line that puts the address into a URL.
fn line(url: &str) -> String {
    format!("`format!(\"{url}\", server.addr())`")
}
