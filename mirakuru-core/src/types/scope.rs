//! Who shares a process.

/// Who shares one process.
///
/// A run of the tests is the life of the nearest ancestor that runs test binaries: `cargo` or
/// `cargo-nextest`, or the process whose id the environment variable `MIRAKURU_SESSION` holds.
/// Where there is none, a process is shared within the test process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The tests of one test binary, whether they run in one process (`cargo test`) or in one each
    /// (`cargo nextest`). In the first case the process is stopped before the binary ends, in the
    /// second when the run ends.
    #[default]
    Binary,
    /// All test binaries of one run of the tests. The process is stopped when the run ends.
    Session,
}
