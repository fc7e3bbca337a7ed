//! Who shares a process.

/// Who shares one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The tests of one test binary.
    #[default]
    Binary,
    /// All test binaries of one run of the tests.
    Session,
}
