//! What to run: the words of a command, its environment, its standard input.

mod command_line;
mod environment;
mod stdin;

pub use command_line::CommandLine;
pub(crate) use command_line::{check_words, in_one_line};
pub(crate) use environment::Environment;
pub use stdin::{OpenFile, Stdin};
