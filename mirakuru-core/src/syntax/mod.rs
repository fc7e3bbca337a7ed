//! The texts that users write, and what is wrong with them.
//!
//! The macros crate includes this directory by a link, so a literal is checked when a test is
//! compiled by the code that reads it when the test runs. Nothing here imports from outside.

pub(crate) mod address;
pub(crate) mod duration;
pub(crate) mod suggest;
pub(crate) mod template;
