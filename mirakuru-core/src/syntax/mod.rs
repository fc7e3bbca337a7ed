//! The rules for texts and numbers that users write.
//!
//! The macros crate compiles this directory too: its `src/syntax` is a link to here. So a literal is
//! checked when a test is compiled by the code that reads it when the test runs, with the same
//! message. Nothing here imports from outside of the directory; the crates `regex-lite` and `shlex` are
//! dependencies of both crates.

pub(crate) mod address;
pub(crate) mod command;
pub(crate) mod duration;
pub(crate) mod file_path;
pub(crate) mod http;
pub(crate) mod numbers;
pub(crate) mod pattern;
pub(crate) mod signal;
pub(crate) mod suggest;
pub(crate) mod template;
