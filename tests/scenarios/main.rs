//! The behaviour of the Python library of the same name, and what is better here.
//!
//! `README.md` in this folder tells which test stands for which scenario and which weakness.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod errors;
mod http;
mod http_answers;
mod http_unix;
mod kill;
mod options;
mod other_tests;
mod output;
mod pid_file;
mod plain;
mod tcp;
mod unix_socket;
mod weaknesses;

use mirakuru_tests::starting as helpers;
