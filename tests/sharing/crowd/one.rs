//! One of two test binaries that share a server. `.ci/run` counts how often it is started.

#[path = "tests.rs"]
mod tests;
