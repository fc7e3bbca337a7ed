//! A command that exits with code 0.

mod condition;
mod contained;

pub(crate) use condition::CommandSpec;
