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
//! drop(server); // Nothing of it is running now.
//! # Ok::<(), mirakuru_core::Error>(())
//! ```
//!
//! # Which one to use
//!
//! - Use [`Executor`] to start a process yourself, in a test or in a script. [`Executor::start`]
//!   returns a [`Process`] when it is ready; dropping that stops it.
//! - Use [`Shared`] where several tests use one process: [`Lease`] for those that only use it,
//!   [`ExclusiveLease`] for those that stop, restart or pause it.
//! - Use [`#[with_process]`](with_process) to have a test function get its processes as
//!   parameters. The type of the parameter says how the test uses the process:
//!
//!   | parameter | meaning |
//!   |---|---|
//!   | `&Process` | a process that other tests may use at the same time |
//!   | `&mut Process` | the same process, for this test alone |
//!   | `Process` | a process of the test's own |
//!
//! - With rstest, depend on the crate `mirakuru-rstest` instead, which adds fixtures.
//!
//! # When a process is ready
//!
//! | condition | method |
//! |---|---|
//! | none: it is ready when its program runs | |
//! | a line of its output matches | [`Executor::output`] |
//! | a TCP port accepts | [`Executor::tcp`] |
//! | a URL answers, at a port or on a Unix socket | [`Executor::http`] |
//! | a Unix socket accepts | [`Executor::unix_socket`] |
//! | a pid file is there | [`Executor::pid_file`] |
//! | the process says so, by `sd_notify` | [`Executor::notify`] |
//! | the process says so, by a line on a descriptor | [`Executor::ready_fd`] |
//! | a command exits with code 0 | [`Executor::ready_command`] |
//! | what you say | [`Executor::probe`] |
//!
//! [`Executor::fail_on`] is a line that ends the wait, [`Executor::listen`] a socket that the process
//! is handed.
//!
//! All that are given must hold. On Linux, a port or socket that another process answers does not
//! count: it is an error that names that process, as far as this user may look at it.
//!
//! `https` URLs are asked if the feature `https` is turned on, here or of `mirakuru-rstest`. It is off
//! by default, for the time that TLS takes to build.
//!
//! A wait of more than a second is told of on standard error, with what was seen so far: by a line
//! after 1, 2, 5, 10, 20, 30 and 60 seconds and each minute from then on, or on a terminal by a bar.
//!
//! # Placeholders
//!
//! | placeholder | value |
//! |---|---|
//! | `{port}`, `{port:name}` | a free port, which the kernel gives to nobody else while the process lives |
//! | `{udp}`, `{udp:name}` | the same for UDP: free for TCP too, and from outside of what the kernel gives out |
//! | `{dir}` | a folder of the process's own, which is removed when it has ended |
//! | `{bin:name}` | the path of a binary of the package under test |
//! | `{{`, `}}` | braces |
//!
//! They may stand in the command, the values of the environment, the folder to run in, the
//! conditions, and in [`Process::render`]. Anything else in braces is an error.
//!
//! A process may give values to placeholders itself: a named group of an output pattern,
//! `"listening on .*:(?<port>\\d+)"`, is one from then on, and so is `{port}` where port 0 is waited
//! for. These may stand in the other conditions and in `render`.
//!
//! # What is promised, and what is not
//!
//! Between the tests and each process stands a supervisor: the test binary itself, run once more,
//! which becomes a supervisor before `main`. It is the parent of the process. When the test process
//! ends, in whatever way, the supervisor stops the process, and then everything that it has spawned.
//!
//! | | Linux | other Unix |
//! |---|---|---|
//! | stopped when the tests exit, panic, abort or are killed | yes | yes |
//! | also daemons that left their group and session | yes | no: nobody adopts them |
//! | stopped when the supervisor is killed | the main process | no |
//! | a port answered by a stranger is told from ours | yes | no |
//! | nobody else gets `{port}` | yes | not tested |
//!
//! A supervisor that is killed takes the main process with it only if that has not changed its
//! user. What else is left is found by a mark in its environment, if the test process still lives.
//!
//! What a process asks *other* programs to start (a container by the Docker daemon, a unit by
//! systemd) is not below it and is not stopped.
//!
//! # Environment variables
//!
//! | variable | meaning |
//! |---|---|
//! | `MIRAKURU_LOG=info` | prints a line for each start, lease and stop |
//! | `MIRAKURU_LOG=off` | prints nothing, not even of waits that take long |
//! | `TERM=dumb`, `CI` | prints lines on a terminal too, where else a wait that takes long is a bar |
//! | `MIRAKURU_SESSION=PID` | the process whose life is one run of the tests; see [`Scope`] |
//! | `MIRAKURU_LEASE_TIMEOUT=SECONDS` | how long one test may keep a shared process from another; 60 |
//!
//! A program that uses this crate runs its other constructors (code before `main`) in each
//! supervisor too. A program in which an environment variable named `MIRAKURU_SUPERVISOR` is set
//! is a supervisor.

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
mod sharing;
mod supervisor;
#[allow(dead_code, reason = "the macros use more of it: the same files compile in both crates")]
mod syntax;
#[allow(unsafe_code, reason = "system calls")]
mod sys;
mod types;

pub use command::{CommandLine, OpenFile, Stdin};
pub use error::{Error, ErrorKind, Result};
pub use executor::Executor;
pub use output::{Banner, Log, LogFollower};
pub use process::Process;
pub use readiness::{Attempt, Http, Probe, Readiness, Status};
#[doc(hidden)]
pub use sharing::macro_support as __private;
pub use sharing::{ExclusiveLease, Lease, Shared};
pub use types::{Exit, ParseSignalError, Scope, Signal, Stream};

/// Gives a test its processes.
///
/// The attribute stands above `#[test]`, `#[rstest]`, `#[tokio::test]` and the like, or alone, and
/// then makes the function a test. Above a `mod` it counts for each test in it; above a `#[fixture]`
/// for the fixture's body. Given several times, each one names one process.
///
/// ```
/// use mirakuru_core::{Process, with_process};
///
/// #[with_process(cmd = "python3 -m http.server {port}", http = "http://127.0.0.1:{port}/")]
/// #[test]
/// fn serves_its_folder(server: &Process) {
///     assert!(server.url().starts_with("http://127.0.0.1:"));
/// }
/// ```
///
/// It has to stand above `#[test]`, not below: what is above has already made a test of the function
/// when the attribute sees it.
///
/// What the test does with a process is said by the type of its parameter: `&Process` shares it
/// with other tests, `&mut Process` has it alone for a while, `Process` starts one for this test.
/// A process that no parameter names is shared. Parameters belong to the attributes in their
/// order, or by `name`.
///
/// # Keys
///
/// Either the path of a definition, `#[with_process(REDIS)]`: a static [`Shared`], a function that
/// returns an [`Executor`], or a [`process_fixture`]. Or the keys of one:
///
/// | key | meaning |
/// |---|---|
/// | `cmd = "…"`, `shell = "…"` | what to run: [`Executor::new`], [`Executor::shell`] |
/// | `bin = "…"` | a binary of the package under test |
/// | `args = ["…", …]` | arguments for `cmd` or `bin` |
/// | `http = "…"` | [`Executor::http`], with `method`, `status`, `header("K", "V")`, `form(k = "v")`, `body` |
/// | `tcp`, `unix_socket`, `pid_file` | [`Executor::tcp`], [`Executor::unix_socket`], [`Executor::pid_file`] |
/// | `output = "…"` | [`Executor::output`], with `on = stderr`, `times = 2` |
/// | `notify`, `ready_fd = 3` | [`Executor::notify`], [`Executor::ready_fd`] |
/// | `ready_command = "…"` | [`Executor::ready_command`] |
/// | `fail_on = "…"` | [`Executor::fail_on`] |
/// | `listen = "host:port"` | [`Executor::listen`] |
/// | `env(KEY = "…")`, `env_remove(KEY)`, `env_clear` | the environment |
/// | `cwd`, `stdin` | [`Executor::current_dir`], [`Executor::stdin`] |
/// | `timeout = "5s"`, `stop_timeout` | time limits: `"500ms"`, `"1m30s"`, or any `Duration` |
/// | `stop_signal = "INT"`, `kill_signal`, `expect_exit = 3` | how it ends |
/// | `name`, `scope = "session"` | what messages call it, who shares it |
///
/// A value may be any expression. Literals are checked when the test is compiled.
///
/// # When the test fails
///
/// A test that panics or gives back an `Err` shows each of its processes in its own output: whether
/// it is alive, how it ended if not, and its last lines since the test leased it. A process that
/// died comes first. An `Err` is seen if the declared type is called `Result`, or something that
/// ends so.
///
/// A [`Lease`] from a fixture of rstest sees that the test panics, but cannot know what it gives
/// back. Add the attribute, `#[with_process(redis)]`, where that counts.
///
/// # Panics
///
/// The test panics with the whole report if one of its processes does not start. That is why a
/// bare `#[should_panic]` is refused.
pub use mirakuru_macros::with_process;

/// Makes a function that returns an [`Executor`] the definition of a shared process, which is an
/// rstest fixture of the type [`Lease`] too.
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
/// fn is_there(sleeper: &Process) {
///     assert!(sleeper.is_running());
/// }
/// # }
/// ```
///
/// Like every fixture of rstest, one that is called `redis` hides a crate of that name in its module;
/// the crate is then `::redis`.
///
/// `#[process_fixture(scope = "session")]` says who shares the process; see [`Scope`].
pub use mirakuru_macros::process_fixture;
