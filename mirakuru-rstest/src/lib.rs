//! Live servers for tests: the one dev-dependency that a suite needs.
//!
//! This crate is [`mirakuru_core`] with two things added for rstest: `#[process_fixture]` makes a
//! fixture of a definition, and [`process`](fn@process) is a fixture that is ready to use.
//! [Getting started](guide::getting_started) begins with one test. The rest of the [guide] has recipes, CI,
//! nextest, tokio, IDEs, what a failure prints, and what is not guaranteed.
//!
//! ```
//! # mod tests {
//! use mirakuru_rstest::{Executor, Lease, Process, process_fixture, with_process};
//! use rstest::rstest;
//!
//! /// One server for all tests of this binary.
//! #[process_fixture]
//! fn files() -> Executor {
//!     Executor::new("python3 -m http.server {port}").http("http://127.0.0.1:{port}/")
//! }
//!
//! #[rstest]
//! #[case("/")]
//! #[case("/?q=1")]
//! fn answers(files: Lease, #[case] path: &str) {
//!     println!("GET http://{}{path}", files.addr());
//! }
//!
//! /// The same server, for this test alone.
//! #[with_process(files)]
//! #[test]
//! fn comes_back(files: &mut Process) {
//!     files.restart().unwrap();
//! }
//! # }
//! ```
//!
//! A fixture hands out a [`Lease`]. What rstest does with fixtures works with it: `#[from(files)]`,
//! other fixtures that take it as an argument, `#[case]` and `#[values]` beside it. `#[once]` is
//! not needed: the server is shared anyway, also among test processes.
//!
//! A [`Stack`] of processes that name each other is shared by a `#[once]` fixture. It is stopped when the
//! test process exits, too; under nextest, each test has a stack of its own.
//!
//! ```
//! # mod tests {
//! use mirakuru_rstest::{RunningStack, Stack, StackLease, servers};
//! use rstest::{fixture, rstest};
//!
//! #[fixture]
//! #[once]
//! fn running() -> RunningStack {
//!     let proxy = servers::nginx()
//!         .file("{dir}/server.d/app.conf", "location / { proxy_pass http://{files.addr}; }");
//!     let stack = Stack::new().add("files", servers::static_files()).add("proxy", proxy);
//!     stack.start().unwrap_or_else(|error| panic!("{error:?}"))
//! }
//!
//! #[fixture]
//! fn stack(running: &'static RunningStack) -> StackLease<'static> {
//!     running.lease() // A failing test prints what the processes have written since.
//! }
//!
//! #[rstest]
//! fn answers(stack: StackLease<'static>) {
//!     println!("GET http://127.0.0.1:{}/", stack["proxy"].port());
//! }
//! # }
//! ```
//!
// The first definition of a link counts: those of the pages themselves are for readers of the repository.
#![doc = include_str!("reference/links.md")]
#![doc = include_str!("reference/crate.md")]

#[cfg(any(doc, doctest))]
pub mod guide;

#[doc(hidden)]
pub use mirakuru_core::__private;
#[doc(inline)]
pub use mirakuru_core::{
    Attempt, Banner, CommandLine, Error, ErrorKind, ExclusiveLease, Executor, Exit, ExpectedExit,
    Http, Lease, Log, LogFollower, Need, OpenFile, Owner, ParseSignalError, Probe, Process,
    Readiness, Result, RunningStack, Scope, Shared, Signal, Stack, StackLease, Status, Stdin,
    Stream, servers,
};

/// Starts or leases the processes that a test names, before its body runs.
///
/// The attribute stands above `#[test]`, `#[rstest]`, `#[tokio::test]` and similar attributes, or
/// alone, and then makes the function a test. Above a `mod` it applies to each test in it; above a
/// `#[fixture]`, to the fixture's body. It can be given several times; each one names one process.
///
/// ```
/// use mirakuru_rstest::{Process, with_process};
///
/// #[with_process(cmd = "python3 -m http.server {port}", http = "http://127.0.0.1:{port}/")]
/// #[test]
/// fn serves_its_directory(server: &Process) {
///     assert!(server.url().starts_with("http://127.0.0.1:"));
/// }
/// ```
///
#[doc = include_str!("reference/links.md")]
#[doc = include_str!("reference/with_process.md")]
#[doc(inline)]
pub use mirakuru_macros::with_process_rstest as with_process;

/// Makes a function that returns an [`Executor`] the definition of a shared process, and an rstest
/// fixture of type [`Lease`].
///
/// ```
/// # mod tests {
/// use mirakuru_rstest::{Executor, Lease, Process, process_fixture, with_process};
/// use rstest::rstest;
///
/// #[process_fixture]
/// fn sleeper() -> Executor {
///     Executor::new("sleep 60")
/// }
///
/// #[rstest]
/// fn is_running(sleeper: Lease) {
///     assert!(sleeper.is_running());
/// }
///
/// /// The same process, for this test alone.
/// #[with_process(sleeper)]
/// #[test]
/// fn is_restarted(sleeper: &mut Process) {
///     sleeper.restart().unwrap();
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
/// use mirakuru_rstest::{Executor, Lease, process_fixture, servers};
///
/// #[process_fixture]
/// fn store() -> Executor {
///     servers::redis()
/// }
///
/// #[process_fixture]
/// fn app(store: Lease) -> Executor {
///     Executor::new("{bin:app}").env("REDIS_URL", format!("redis://{}/", store.addr()))
/// }
/// # }
/// ```
///
#[doc = include_str!("reference/links.md")]
#[doc = include_str!("reference/process_fixture.md")]
#[doc(inline)]
pub use mirakuru_macros::process_fixture_rstest as process_fixture;
use rstest::fixture;

/// A shared process, described where it is used.
///
/// `command` is split as a shell would. `ready` says when the process counts as started:
///
/// | `ready` | condition |
/// |---|---|
/// | `http://…`, `https://…` | [`Executor::http`] |
/// | `tcp:HOST:PORT` | [`Executor::tcp`] |
/// | `unix:PATH` | [`Executor::unix_socket`] |
/// | `pid:PATH` | [`Executor::pid_file`] |
/// | `output:PATTERN` | [`Executor::output`] |
/// | `command:COMMAND` | [`Executor::ready_command`] |
/// | `notify` | [`Executor::notify`] |
/// | nothing | started when its program runs |
///
/// # Panics
///
/// The process does not start, no command is given, or `ready` is none of these.
///
/// # Examples
///
/// ```
/// # mod tests {
/// use mirakuru_rstest::{Lease, process};
/// use rstest::rstest;
///
/// #[rstest]
/// fn answers(
///     #[with("python3 -m http.server {port}", "http://127.0.0.1:{port}/")] process: Lease,
/// ) {
///     assert!(process.is_running());
/// }
/// # }
/// ```
#[fixture]
pub fn process(#[default("")] command: &str, #[default("")] ready: &str) -> Lease {
    let executor = when_ready(Executor::new(command), ready);
    __private::lease_of(executor).unwrap_or_else(|error| panic!("{error:?}"))
}

fn when_ready(executor: Executor, ready: &str) -> Executor {
    match ready.split_once(':') {
        _ if ready.is_empty() => executor,
        _ if ready == "notify" => executor.notify(),
        Some(("http" | "https", _)) => executor.http(ready),
        Some(("tcp", address)) => executor.tcp(address),
        Some(("unix", path)) => executor.unix_socket(path),
        Some(("pid", path)) => executor.pid_file(path),
        Some(("output", pattern)) => executor.output(pattern),
        Some(("command", command)) => executor.ready_command(command),
        _ => panic!(
            "`{ready}` is not a readiness condition: write http://…, tcp:HOST:PORT, unix:PATH, \
             pid:PATH, output:PATTERN, command:COMMAND or notify"
        ),
    }
}

/// The example of the README is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
