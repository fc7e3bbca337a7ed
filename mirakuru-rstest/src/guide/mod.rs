//! What the README has no room for.

#[doc = include_str!("failures.md")]
pub mod failures {}
#[doc = include_str!("limits.md")]
pub mod limits {}
#[doc = include_str!("python.md")]
pub mod python {}
#[doc = include_str!("readiness.md")]
pub mod readiness {}
#[doc = include_str!("sharing.md")]
pub mod sharing {}
