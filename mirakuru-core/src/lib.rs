//! Starts the servers that tests need, waits until they are ready, and leaves nothing behind.
//!
//! ```
//! use std::net::TcpStream;
//! use mirakuru_core::Executor;
//!
//! let server = Executor::new("python3 -m http.server {port} --bind 127.0.0.1")
//!     .http("http://127.0.0.1:{port}/")
//!     .start()?;
//! assert!(TcpStream::connect(server.addr()).is_ok());
//! drop(server); // Stops it, and everything that it has spawned.
//! # Ok::<(), mirakuru_core::Error>(())
//! ```
//!
//! # Which type to use
//!
//! - Use [`Executor`] to start a process yourself, in a test or in a script. [`Executor::start`]
//!   returns a [`Process`] when it is ready; dropping that stops it.
//! - Use [`Shared`] if several tests use one process: [`Lease`] for tests that only use it,
//!   [`ExclusiveLease`] for tests that stop, restart or pause it.
//! - Use [`#[with_process]`](with_process) if a test function is to get its processes as parameters.
//!   The type of the parameter says how the test uses the process:
//!
//!   | parameter | meaning |
//!   |---|---|
//!   | `&Process` | a process that other tests may use at the same time |
//!   | `&mut Process` | the same process, for this test alone |
//!   | `Process` | a process of the test's own |
//!
//! - Use [`Stack`] for several processes that belong together: each can name the ports and addresses of
//!   the others, and they start in the order that follows. [`Stack::run`] makes a development environment
//!   of them.
//! - With rstest, depend on the crate `mirakuru-rstest` instead, which adds fixtures.
//!
//! # When a process is ready
//!
//! | condition | method |
//! |---|---|
//! | none: the process is ready when its program runs | |
//! | a line of its output matches a pattern | [`Executor::output`] |
//! | it listens on a TCP port | [`Executor::tcp`] |
//! | a URL answers, on a port or on a Unix socket | [`Executor::http`] |
//! | a UDP port is bound | [`Executor::udp`] |
//! | it listens on a Unix socket | [`Executor::unix_socket`] |
//! | it replies as wanted, over TCP, UDP or a Unix socket | [`Executor::reply`] |
//! | a pid file exists | [`Executor::pid_file`] |
//! | the process reports it by `sd_notify` | [`Executor::notify`] |
//! | the process writes a line to a file descriptor | [`Executor::ready_fd`] |
//! | a command exits with code 0 | [`Executor::ready_command`] |
//! | a condition of your own | [`Executor::probe`] |
//!
//! If several conditions are given, all of them must hold. [`Executor::fail_on`] names a line of
//! output that ends the wait, and [`Executor::listen`] a socket that the process inherits.
//!
//! On Linux, a port or socket on which another process answers does not count: it is an error that
//! names that process, unless this user cannot inspect it.
//!
//! `https` URLs need the feature `https`, of this crate or of `mirakuru-rstest`. It is off by default
//! because TLS takes long to build.
//!
//! A wait of more than a second is reported on standard error, with the last observation: by lines
//! after 1, 2, 5, 10, 20, 30 and 60 seconds and then once a minute, or by a bar if standard error is
//! a terminal.
//!
//! # Placeholders
//!
//! | placeholder | value |
//! |---|---|
//! | `{port}`, `{port:name}` | a free TCP port, reserved while the process lives |
//! | `{udp}`, `{udp:name}` | a port that is free for UDP and TCP |
//! | `{low_port}`, `{low_port:name}` | the port `{port}` or `{port:name}`, not above 32767, for programs that take no higher one |
//! | `{dir}` | a directory of this process below `TMPDIR`, removed when it has ended; below `/tmp` if the path of `TMPDIR` is too long for a socket that a condition names in it |
//! | `{bin:name}` | the path of a binary of the package under test |
//! | `{db.port}`, `{db.url}`, … | that of the member `db` of the same [`Stack`] |
//!
//! They may stand in the command, in the values of environment variables, in the working directory, in
//! files and commands of the [set-up](#set-up), in conditions, and in [`Process::render`].
//!
//! Cargo builds the binaries of a package for its integration tests. `{bin:name}` finds others too, but
//! never one that is older than its sources: that is an error, which names the command to build it.
//!
//! | binary | found | built by |
//! |---|---|---|
//! | of this package, from an integration test | yes | `cargo test`, nextest |
//! | of this package, from a unit test | if it is built | `cargo test` if the package has integration tests |
//! | of another package of the workspace | if it is built | `cargo build --workspace --bin name` |
//! | an example of any of them | if it is built | `cargo test`, nextest, without `--test` or `--lib` |
//! | in an archive of nextest, without its sources | yes | `cargo nextest archive` |
//!
//! All other braces are literal: JSON, `http { … }` and `${HOME}` are written as they are, and so is every
//! brace after a dollar sign. An unknown `{identifier}` is an error; `{{identifier}}` is the text
//! `{identifier}`.
//!
//! The process can give values to placeholders itself: a named group of an output pattern, as in
//! `"listening on .*:(?<port>\\d+)"`, becomes a placeholder, and `{port}` gets the port that was found
//! if a condition waits for port 0. These can stand in other conditions, in commands of
//! [`after_ready`](Executor::after_ready) and in `render` only.
//!
//! # Set-up
//!
//! | step | runs | for |
//! |---|---|---|
//! | [`Executor::file`] | before each start | configuration |
//! | [`Executor::template`] | once on this machine; what it leaves in `{dir}` is copied into that of each process | `initdb` and the like |
//! | [`Executor::before_start`] | before each start, after the files | initialisation of files, keys |
//! | [`Executor::after_ready`], [`Executor::after_ready_with`] | when all conditions hold, before any test uses the process; not at a restart | schema, users, topics |
//! | [`Executor::reset`] | between an exclusive lease and the next lease | undoing what a test has changed |
//!
//! Commands of the set-up run below the supervisor, with the environment, the directory and the
//! [user](Executor::user) of the process and within the time limit of its start. Their output goes to its
//! log. If one fails, so does the start; the error says which.
//!
//! [`Executor::needs`] starts another shared process first, which then runs as long as this one.
//!
//! The presets of [`servers`] have all of this for servers that many suites need.
//!
//! # What is promised, and what is not
//!
//! Each process has a supervisor as its parent: the test binary, executed again, which becomes the
//! supervisor before `main`. When the test process ends, for whichever reason, the supervisor stops
//! the process and everything that it has spawned.
//!
//! | | Linux | other Unix |
//! |---|---|---|
//! | stopped when the tests exit, panic, abort or are killed | yes | yes |
//! | daemons that have left their process group and session are stopped too | yes | no |
//! | stopped when the supervisor is killed | the main process | no |
//! | a port on which another process answers is an error | yes | no |
//! | no other process is assigned `{port}` | yes | not tested |
//!
//! If the supervisor is killed, the kernel kills the main process, unless that has changed its user.
//! The test process, if it lives, then kills the processes that have the server's mark in their
//! environment.
//!
//! Processes that *other* programs start on request (a container by the Docker daemon, a unit by
//! systemd) are not descendants of the process, and are not stopped.
//!
//! # Environment variables
//!
//! | variable | meaning |
//! |---|---|
//! | `MIRAKURU_LOG=info` | prints a line for each start, lease and stop |
//! | `MIRAKURU_LOG=off` | prints nothing, not even about slow waits |
//! | `MIRAKURU_LOG=output` | prints each line that a process writes as it comes, with its name; the test process that has started it does that, as long as it runs; also `info,output` and `off,output` |
//! | `MIRAKURU_KEEP=failed` | keeps the processes of a failed test running, see below; `failed:10m` for ten minutes, otherwise for an hour |
//! | `MIRAKURU_USE_REDIS=localhost:6379` | leases of the shared process `redis` are of this server, which runs already; see [`Executor::external`] |
//! | `TERM=dumb`, `CI` | report slow waits by lines, also on a terminal |
//! | `NO_COLOR=1`, `TERM=dumb` | no colours before the output of [`Stack::run`] |
//! | `MIRAKURU_SESSION=PID` | the process whose life is one session; see [`Scope`] |
//! | `MIRAKURU_TEMPLATES=off` | keeps no [template](Executor::template) |
//! | `MIRAKURU_LEASE_TIMEOUT=1m` | how long a test waits for one other test to return a lease: seconds (`60`, `0.5`) or a duration (`1m30s`); 60 seconds |
//! | `MIRAKURU_TIMEOUT_FACTOR=3` | multiplies the time limits of all waits, for slow machines: also those that [`Log::wait_for`] and [`Process::wait_timeout`] get; a positive number, also `0.5` |
//!
//! With `MIRAKURU_KEEP=failed`, what a failing test prints of its processes says where each is reached, and
//! by which `kill` it ends. Until then, or until its time is over, it outlives the tests and their runner.
//! A test has failed if it panics, also as `#[should_panic]` expects, or if it has the attribute and returns
//! an error. One that is killed keeps nothing, nor does one that has stopped or dropped its process before.
//! Other tests of the run go on to use a shared process.
//!
//! A supervisor runs no constructors (code before `main`) of a program that uses this crate, except
//! those of shared libraries, and on macOS and illumos, where constructors have no order. A program
//! whose environment has the variable `MIRAKURU_SUPERVISOR_` with the version of this library is run
//! as a supervisor; if no test has started it as one, it exits with code 70.

#![deny(unsafe_code)]

mod command;
mod diagnostics;
mod error;
mod executor;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod launch;
mod output;
mod process;
mod readiness;
mod resources;
mod server;
pub mod servers;
mod sharing;
mod stack;
mod supervisor;
#[allow(dead_code, reason = "the macros use more of it: the same files compile in both crates")]
mod syntax;
#[allow(unsafe_code, reason = "system calls")]
mod sys;
mod types;

pub use command::{CommandLine, OpenFile, Stdin};
pub use error::{Error, ErrorKind, Result};
pub use executor::{Executor, Need};
pub use output::{Banner, Log, LogFollower};
pub use process::Process;
pub use readiness::{Attempt, Http, Probe, Readiness, Status};
#[doc(hidden)]
pub use sharing::macro_support as __private;
pub use sharing::{ExclusiveLease, Lease, Shared};
pub use stack::{RunningStack, Stack, StackLease};
pub use types::{Exit, ExpectedExit, Owner, ParseSignalError, Scope, Signal, Stream};

/// Starts or leases the processes that a test names, before its body runs.
///
/// The attribute stands above `#[test]`, `#[rstest]`, `#[tokio::test]` and similar attributes, or
/// alone, and then makes the function a test. Above a `mod` it applies to each test in it; above a
/// `#[fixture]`, to the fixture's body. It can be given several times; each one names one process.
///
/// ```
/// use mirakuru_core::{Process, with_process};
///
/// #[with_process(cmd = "python3 -m http.server {port}", http = "http://127.0.0.1:{port}/")]
/// #[test]
/// fn serves_its_directory(server: &Process) {
///     assert!(server.url().starts_with("http://127.0.0.1:"));
/// }
/// ```
///
/// It cannot stand below `#[test]`: an attribute above it has made the function a test before this
/// one sees it.
///
/// The type of a parameter says how the test uses the process: `&Process` shares it with other tests,
/// `&mut Process` has it exclusively for the length of the test, `Process` starts one for this test. A
/// process without a parameter is shared. Parameters belong to the attributes in their order, or by
/// `name`.
///
/// # Keys
///
/// The argument is either the path of a definition, as in `#[with_process(REDIS)]`: a static
/// [`Shared`], a function that returns an [`Executor`], or a [`process_fixture`]. Or it is a list of
/// keys:
///
/// | key | meaning |
/// |---|---|
/// | `cmd = "…"`, `shell = "…"` | what to run: [`Executor::new`], [`Executor::shell`] |
/// | `bin = "…"` | a binary of the package under test |
/// | `args = ["…", …]` | arguments for `cmd` or `bin` |
/// | `http = "…"` | [`Executor::http`], with `method`, `status`, `header("K", "V")`, `form(k = "v")`, `body`, `pattern` |
/// | `tcp`, `udp`, `unix_socket` | [`Executor::tcp`], [`Executor::udp`], [`Executor::unix_socket`] |
/// | `reply(addr = "…", send = "…", pattern = "…")` | [`Executor::reply`]; `send` may be left out |
/// | `pid_file` | [`Executor::pid_file`] |
/// | `output = "…"` | [`Executor::output`], with `on = stderr`, `times = 2` |
/// | `notify`, `ready_fd = 3` | [`Executor::notify`], [`Executor::ready_fd`] |
/// | `ready_command = "…"` | [`Executor::ready_command`] |
/// | `fail_on = "…"` | [`Executor::fail_on`] |
/// | `listen = "host:port"` | [`Executor::listen`] |
/// | `connect = true`, `owner = "any"` | [`Executor::connect`], [`Executor::owner`] |
/// | `env(KEY = "…")`, `env_remove(KEY)`, `env_clear` | the environment |
/// | `cwd`, `stdin`, `user` | [`Executor::current_dir`], [`Executor::stdin`], [`Executor::user`] |
/// | `file(path = "{dir}/…", text = "…")` | [`Executor::file`] |
/// | `template = "…"`, `before_start = "…"` | [`Executor::template`], [`Executor::before_start`] |
/// | `after_ready = "…"`, `reset = "…"` | [`Executor::after_ready`], [`Executor::reset`] |
/// | `after_ready_with = function` | [`Executor::after_ready_with`] |
/// | `external = "localhost:5432"` | a server that runs already: [`Executor::external`] |
/// | `needs(db = DB)` | [`Executor::needs`]; a value is the path of a definition |
/// | `timeout = "5s"`, `stop_timeout` | time limits: `"500ms"`, `"1m30s"`, or any `Duration` |
/// | `stop_signal = "INT"`, `kill_signal`, `expect_exit = 3`, `[0, 3]` or `0..=3` | how it ends |
/// | `name`, `scope = "session"` | its name in messages, and which tests share it |
/// | `crate = mk` | the name of this crate, where `Cargo.toml` gives the dependency another one |
///
/// A value may be any expression. Literals are checked at compile time.
///
/// # When the test fails
///
/// A test that panics or returns an `Err` prints a report of each of its processes: whether it is
/// running or how it ended, and its last lines since the test leased it. Processes that died come
/// first. An `Err` is recognised if the name of the declared return type ends with `Result`.
///
/// A [`Lease`] from a fixture of rstest prints its report if the test panics, but cannot see what the
/// test returns. Add the attribute, as in `#[with_process(redis)]`, to tests that return a `Result`.
///
/// # Panics
///
/// The test panics with the whole report if one of its processes does not start. For that reason a
/// bare `#[should_panic]` is refused.
pub use mirakuru_macros::with_process;

/// Makes a function that returns an [`Executor`] the definition of a shared process, and an rstest
/// fixture of type [`Lease`].
///
/// ```
/// # mod tests {
/// use mirakuru_core::{Executor, Process, process_fixture, with_process};
///
/// #[process_fixture]
/// fn sleeper() -> Executor {
///     Executor::new("sleep 60")
/// }
///
/// #[with_process(sleeper)]
/// #[test]
/// fn is_running(sleeper: &Process) {
///     assert!(sleeper.is_running());
/// }
/// # }
/// ```
///
/// A parameter is the lease of a process that this one [needs](Executor::needs), by the name of its
/// fixture or by `#[from(fixture)]`. The description may contain its values. Other parameters are an
/// error.
///
/// ```
/// # mod tests {
/// use mirakuru_core::{Executor, Lease, process_fixture};
///
/// #[process_fixture]
/// fn files() -> Executor {
///     Executor::new("python3 -m http.server {port}").http("http://127.0.0.1:{port}/")
/// }
///
/// #[process_fixture]
/// fn app(files: Lease) -> Executor {
///     Executor::new("sleep 60").env("FILES_URL", files.url())
/// }
/// # }
/// ```
///
/// Like every rstest fixture, one named `redis` hides a crate of that name in its module; write
/// `::redis` for the crate.
///
/// `#[process_fixture(scope = "session")]` sets which tests share the process; see [`Scope`].
pub use mirakuru_macros::process_fixture;
