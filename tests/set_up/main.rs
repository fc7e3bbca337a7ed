//! What is set up around a process: files, commands before and after its start, and another user.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]
#![cfg_attr(
    mirakuru_fallback,
    allow(unused_imports, dead_code, reason = "tests that need Linux are left out there")
)]

mod after_ready;
mod attribute;
mod before_start;
mod files;
mod template;
mod user;
