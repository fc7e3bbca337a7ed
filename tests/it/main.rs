//! The behaviour of the library beyond what the scenarios, the real servers and the compiler show.

mod attribute;
mod bad_input;
mod crowd;
mod ends;
mod fixtures;
mod leases;
mod rerun;
mod tidy;
