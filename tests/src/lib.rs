//! Helpers of the small server programs and of the suites.
//!
//! `program` is for `src/bin`: arguments, signals, the start log, a little HTTP. `suite` is for the
//! tests; its names stand at the root of the crate.
//!
//! The tests of a package's documentation run last, so this one has the last word of `cargo test`:
//!
//! ```
//! mirakuru_tests::count_skipped();
//! ```

pub mod program;
mod suite;

pub use suite::http::{http_get, try_http_get};
pub use suite::processes::{
    alive, as_other_user, has, name_of, need, parent_of, processes_with_mark,
    processes_with_variable,
};
pub use suite::random::{Random, budget, seed};
pub use suite::skipped::count_skipped;
pub use suite::{ScratchDir, eventually, free_port, is_ephemeral, scratch_dir, starts, stops};
pub use suite::{starting, test_process};

/// The path of a program of this package: `bin!("mk-http-server")`.
///
/// A macro, because cargo sets the variables with these paths only while it compiles a test.
#[macro_export]
macro_rules! bin {
    ($name:literal) => {
        env!(concat!("CARGO_BIN_EXE_", $name))
    };
}
