//! The tests that share a process.

/// The tests that share one process.
///
/// A session is the life of the runner: the nearest ancestor of the test process that is `cargo` (by
/// its name, or by the path in `CARGO`) or nextest, or the process whose id is in the environment
/// variable `MIRAKURU_SESSION`. Without a runner, and below a debugger or `strace`, a process is shared
/// within its test process.
///
/// # Examples
///
/// ```
/// # use mirakuru_core::{Executor, Scope, Shared};
/// /// One for all test binaries of a run.
/// static SERVER: Shared = Shared::new(|| Executor::new("sleep 60")).scope(Scope::Session);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The tests of one test binary, whether they run in one process (`cargo test`) or in one process
    /// each (`cargo nextest`). With one, the shared process is stopped before the binary ends; with
    /// many, when the session ends.
    #[default]
    Binary,
    /// The tests of all test binaries of one session. The process is stopped when the session ends.
    Session,
}
