//! Several processes that belong together.

mod control;
mod foreground;
mod lease;
mod members;
mod order;
mod running;
mod screen;
mod start;

use self::members::Members;
use crate::error::Result;
use crate::executor::Executor;

pub use lease::StackLease;
pub use running::RunningStack;

/// Several processes that belong together: for a test, or as a development environment.
///
/// ```
/// # use mirakuru_core::{Executor, Stack, servers};
/// let stack = Stack::new()
///     .add("files", servers::static_files())
///     .add("app", Executor::shell("echo using $FILES; sleep 60").env("FILES", "{files.url}").output("using"))
///     .start()?;
/// println!("{}", stack["files"].url());
/// drop(stack); // Stops `app`, then `files`.
/// # Ok::<(), mirakuru_core::Error>(())
/// ```
///
/// # Members name each other
///
/// Wherever an executor may have placeholders, those of other members may stand, behind the name of the
/// member and a dot:
///
/// | placeholder | value | known |
/// |---|---|---|
/// | `{db.port}`, `{db.port:admin}` | the port that `{port}`, `{port:admin}` stands for in `db` | before any member starts |
/// | `{db.dir}` | its directory | before any member starts |
/// | `{db.addr}`, `{db.url}` | the address or URL that has answered, with its path | when `db` is ready |
/// | `{db.key}` | what a group `key` of an output pattern has captured | when `db` is ready |
///
/// Only names of members are special. All others are literal, as in Caddy's `{http.request.uri}`.
///
/// # In which order members start
///
/// A member that names another starts when that is ready. Members that name each other's ports, such
/// as the nodes of a cluster, start together, and so do members that have nothing to do with each other.
/// [`needs`](Self::needs) makes an order where nothing is named, and [`together`](Self::together) takes
/// one away.
///
/// They stop in reverse order, however the program ends: each when those that started after it, because
/// they name or need it, have ended.
///
/// If one does not start, the others are stopped, and its error is the error of the stack.
///
/// # A development environment
///
/// A program that calls [`run`](Self::run) is a development environment that starts by one command: that
/// for `examples/dev.rs` is `cargo run --example dev`. Examples may use dev-dependencies:
///
/// ```no_run
/// # use mirakuru_core::{Executor, Result, Stack, servers};
/// fn main() -> Result<()> {
///     let app = Executor::new("cargo run")
///         .env("DATABASE_URL", "postgresql://postgres@{postgres.addr}/app")
///         .env("REDIS_URL", "redis://{redis.addr}/")
///         .env("PORT", "{port}")
///         .http("http://127.0.0.1:{port}/");
///     let proxy = "location / { proxy_pass http://{app.addr}; }";
///     Stack::new()
///         .add("postgres", servers::postgres().after_ready("createdb app"))
///         .add("redis", servers::redis())
///         .add("app", app)
///         .add("web", servers::nginx().file("{dir}/server.d/app.conf", proxy))
///         .run()
/// }
/// ```
///
/// The same function that returns a stack serves a test, by [`start`](Self::start).
#[derive(Clone, Debug, Default)]
#[must_use = "a stack starts nothing until `start` or `run` is called"]
pub struct Stack {
    members: Members,
    restarts: bool,
}

impl Stack {
    /// Describes a stack without members.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let stack = Stack::new().add("worker", Executor::new("sleep 60")).start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member. Its name is also that of its process, in messages and before its output: letters,
    /// digits, `-` and `_`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let worker = Executor::new("sleep 60").env("DATABASE_PORT", "{db.port}");
    /// let stack = Stack::new()
    ///     .add("db", Executor::new("sleep 60").env("PORT", "{port}"))
    ///     .add("worker", worker)
    ///     .start()?;
    /// assert!(stack["worker"].is_running());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn add(mut self, name: impl Into<String>, executor: Executor) -> Self {
        self.members.add(name.into(), executor);
        self
    }

    /// Starts a member only when another is ready, also if it does not name it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let stack = Stack::new()
    ///     .add("db", Executor::shell("echo ready; exec sleep 60").output("ready"))
    ///     .add("worker", Executor::new("sleep 60"))
    ///     .needs("worker", "db")
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn needs(mut self, member: impl Into<String>, other: impl Into<String>) -> Self {
        self.members.needs(member.into(), other.into());
        self
    }

    /// Starts these members at the same time, also if some of them name the ports of others: a first
    /// node may be ready only when the second has joined it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let node = || Executor::new("sleep 60").env("PORT", "{port}");
    /// let stack = Stack::new()
    ///     .add("one", node().env("PEER", "127.0.0.1:{two.port}"))
    ///     .add("two", node().env("PEER", "127.0.0.1:{one.port}"))
    ///     .together(["one", "two"])
    ///     .start()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn together<S: Into<String>>(mut self, members: impl IntoIterator<Item = S>) -> Self {
        self.members.together(members.into_iter().map(Into::into).collect());
        self
    }

    /// Sets whether [`run`](Self::run) starts a member again that has ended, with the same ports and
    /// directory. Default: false, which ends the run. One that ends more than five times in a minute
    /// ends it nevertheless.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use mirakuru_core::{Executor, Stack};
    /// Stack::new().add("app", Executor::new("cargo run")).restart(true).run()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn restart(mut self, restart: bool) -> Self {
        self.restarts = restart;
        self
    }

    /// Starts all members, and returns when all are ready.
    ///
    /// # Errors
    ///
    /// The error of the first member that does not start; the others are stopped then.
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a name is given twice or is no name, if a
    /// member needs one that the stack does not have, or if members need each other.
    ///
    /// # Examples
    ///
    /// ```
    /// # use mirakuru_core::{Executor, Stack};
    /// let stack = Stack::new().add("db", Executor::new("sleep 60").env("PORT", "{port}")).start()?;
    /// println!("127.0.0.1:{}", stack["db"].port());
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn start(&self) -> Result<RunningStack> {
        start::start(&self.members, &())
    }

    /// Runs the stack in the foreground: starts all members, prints a table of them, and what they write
    /// as it comes, until Ctrl-C.
    ///
    /// `SIGINT` (Ctrl-C), `SIGTERM` and `SIGHUP` stop all members in reverse order, and `run` returns;
    /// how they end then is not checked. A second one, except `SIGHUP`, kills them. While `run` runs,
    /// these signals have no other effect in this program, unless it ignores them.
    ///
    /// Lines go to standard output behind the name of their member. Names have colours if that is a
    /// terminal, unless `NO_COLOR` is set or `TERM` is `dumb`. The run is over when the reader of standard
    /// output is gone, as in `… | head`. A reader that is slow delays no member: their output is in their
    /// logs.
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start). [`Exited`](crate::ErrorKind::Exited) if a member ends by itself, even
    /// with code 0; the others are stopped then. See [`restart`](Self::restart) for the other choice.
    /// Several stacks of a program cannot run in the foreground at the same time.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use mirakuru_core::{Executor, Stack, servers};
    /// let app = Executor::new("cargo run").env("REDIS_URL", "redis://{redis.addr}/");
    /// Stack::new().add("redis", servers::redis()).add("app", app).run()?;
    /// # Ok::<(), mirakuru_core::Error>(())
    /// ```
    pub fn run(&self) -> Result<()> {
        foreground::run(&self.members, self.restarts)
    }
}
