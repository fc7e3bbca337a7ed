//! Processes that tests share.
//!
//! `shared.rs` has the definition, `lease.rs` and `exclusive_lease.rs` what a test gets. `registry.rs`
//! finds out how a process is shared: by the threads of this process (`in_process.rs`), or by all test
//! processes of a session (`session/`).

mod current_test;
mod exclusive_lease;
mod in_process;
mod lease;
pub mod macro_support;
mod need;
mod outcome;
mod registry;
mod request;
mod session;
mod shared;
mod unique;
mod users;

pub use exclusive_lease::ExclusiveLease;
pub use lease::Lease;
pub use shared::Shared;
