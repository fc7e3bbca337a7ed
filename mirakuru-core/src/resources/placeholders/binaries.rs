//! `{bin:name}`: the binaries of the package under test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Result;
use crate::resources::program;

/// Finds a binary of the package under test.
///
/// The runner's variables come first, then the path that the compiler recorded (`known`), then the
/// directory of the test binary.
pub(super) fn find(name: &str, known: &BTreeMap<String, PathBuf>) -> Result<PathBuf> {
    let from_runner = [format!("NEXTEST_BIN_EXE_{name}"), format!("CARGO_BIN_EXE_{name}")];
    let from_runner = from_runner.iter().filter_map(std::env::var_os).map(PathBuf::from);
    let beside = program::binaries_dir().map(|dir| dir.join(name));
    let mut candidates = from_runner.chain(known.get(name).cloned()).chain(beside);
    let found = candidates.find(|path| path.is_file());
    found.ok_or_else(|| program::no_such_binary(name, known.keys().map(String::as_str)))
}
