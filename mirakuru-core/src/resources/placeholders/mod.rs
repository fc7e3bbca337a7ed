//! Placeholders such as `{port}` and `{dir}`, and what they stand for in one process.

mod binaries;
mod captures;
mod others;
mod text;
mod texts;
mod values;

pub(crate) use others::{NEEDS_HELP, OtherValues, Others, check_names};
pub(crate) use text::{Part, Text};
pub(crate) use texts::Texts;
pub(crate) use values::Placeholders;
