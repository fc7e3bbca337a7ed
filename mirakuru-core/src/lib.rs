//! Starts the servers that tests need, waits until they are ready, and leaves nothing behind.
//!
//! ```
//! use std::net::TcpStream;
//! # use mirakuru_core::Executor;
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
// The first definition of a link counts: those of the pages themselves are for readers of the repository.
#![doc = include_str!("reference/links.md")]
#![doc = include_str!("reference/crate.md")]
// For the links in pages of `mirakuru-rstest` to this one, which may not be beside them.
#![doc(html_root_url = "https://docs.rs/mirakuru-core/latest")]
#![deny(unsafe_code)]

#[cfg(not(unix))]
compile_error!("mirakuru is Unix only: on Windows, run the tests in WSL");

#[cfg(unix)]
mod command;
#[cfg(unix)]
mod diagnostics;
#[cfg(unix)]
mod error;
#[cfg(unix)]
mod executor;
#[cfg(all(unix, any(test, fuzzing)))]
#[doc(hidden)]
pub mod fuzz;
#[cfg(unix)]
mod launch;
#[cfg(unix)]
mod output;
#[cfg(unix)]
mod process;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "HTTP alone uses some of it"))]
#[cfg(unix)]
mod readiness;
#[cfg(unix)]
mod resources;
#[cfg(unix)]
mod server;
#[cfg(unix)]
pub mod servers;
#[cfg(unix)]
mod sharing;
#[cfg(unix)]
mod stack;
#[cfg(unix)]
mod supervisor;
#[allow(dead_code, reason = "the macros use more of it: the same files compile in both crates")]
#[cfg(unix)]
mod syntax;
#[allow(unsafe_code, reason = "system calls")]
#[cfg(unix)]
mod sys;
#[cfg(unix)]
mod types;

#[cfg(unix)]
pub use command::{CommandLine, OpenFile, Stdin};
#[cfg(unix)]
pub use error::{Error, ErrorKind, Result};
#[cfg(unix)]
pub use executor::{Executor, Need};
#[cfg(unix)]
pub use output::{Banner, Log, LogFollower};
#[cfg(unix)]
pub use process::Process;
#[cfg(unix)]
pub use readiness::{Attempt, Http, Probe, Readiness, Status};
#[doc(hidden)]
#[cfg(unix)]
pub use sharing::macro_support as __private;
#[cfg(unix)]
pub use sharing::{ExclusiveLease, Lease, Shared};
#[cfg(unix)]
pub use stack::{RunningStack, Stack, StackLease};
#[cfg(unix)]
pub use types::{Exit, ExpectedExit, Owner, ParseSignalError, Scope, Signal, Stream};

/// Starts or leases the processes that a test names, before its body runs.
///
/// The attribute stands above `#[test]`, `#[rstest]`, `#[tokio::test]` and similar attributes, or
/// alone, and then makes the function a test. Above a `mod` it applies to each test in it; above a
/// `#[fixture]`, to the fixture's body. It can be given several times; each one names one process.
///
/// ```
/// # use mirakuru_core::{Process, with_process};
/// #[with_process(cmd = "python3 -m http.server {port}", http = "http://127.0.0.1:{port}/")]
/// #[test]
/// fn serves_its_directory(server: &Process) {
///     assert!(server.url().starts_with("http://127.0.0.1:"));
/// }
/// ```
///
#[doc = include_str!("reference/links.md")]
#[doc = include_str!("reference/with_process.md")]
pub use mirakuru_macros::with_process;

/// Makes a function that returns an [`Executor`] the definition of a shared process, and an rstest
/// fixture of type [`Lease`].
///
/// ```
/// # mod tests {
/// # use mirakuru_core::{Executor, Process, process_fixture, with_process};
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
/// # use mirakuru_core::{Executor, Lease, process_fixture};
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
#[doc = include_str!("reference/links.md")]
#[doc = include_str!("reference/process_fixture.md")]
pub use mirakuru_macros::process_fixture;

/// The example of the README is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
