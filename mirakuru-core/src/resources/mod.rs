//! What a process is given: ports, paths, programs, and the placeholders that stand for them.

pub(crate) mod placeholders;
pub(crate) mod ports;
pub(crate) mod program;
pub(crate) mod temp_dir;
pub(crate) mod temp_path;
pub(crate) mod templates;
