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
//! With rstest, depend on the crate `mirakuru-rstest` instead, which adds fixtures.
//!
#![doc = include_str!("reference/crate.md")]
// For the links in pages of `mirakuru-rstest` to this one, which may not be beside them.
#![doc(html_root_url = "https://docs.rs/mirakuru-core/latest")]
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
#[doc = include_str!("reference/with_process.md")]
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
#[doc = include_str!("reference/process_fixture.md")]
pub use mirakuru_macros::process_fixture;

/// The example of the README is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
