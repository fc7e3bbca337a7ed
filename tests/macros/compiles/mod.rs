//! Valid uses whose servers do not exist: they only have to compile, without a warning.

#![deny(warnings)]
#![allow(dead_code, reason = "nothing here is called")]

mod every_key;
mod fixtures;
