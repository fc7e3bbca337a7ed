//! `{bin:name}`: the binaries of the package under test, and others of its workspace that are built.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::resources::program;

/// Finds a binary of the package under test.
///
/// The runner's variables come first: it has just built what they name. The path that the compiler
/// recorded (`known`) is next, then the directory of the test binary, and that of the examples. What
/// is found there may have been built long ago.
pub(super) fn find(name: &str, known: &BTreeMap<String, PathBuf>) -> Result<PathBuf> {
    let from_runner = [format!("NEXTEST_BIN_EXE_{name}"), format!("CARGO_BIN_EXE_{name}")];
    let mut from_runner = from_runner.iter().filter_map(std::env::var_os).map(PathBuf::from);
    if let Some(path) = from_runner.find(|path| path.is_file()) {
        return Ok(path);
    }
    let dir = program::binaries_dir();
    let beside = dir.iter().flat_map(|dir| [dir.join(name), dir.join("examples").join(name)]);
    let found = known.get(name).cloned().into_iter().chain(beside).find(|path| path.is_file());
    let known = || known.keys().map(String::as_str);
    let path = found.ok_or_else(|| program::no_such_binary(name, known()))?;
    match newer_source(&path) {
        Some(source) => Err(is_old(name, &path, &source)),
        None => Ok(path),
    }
}

/// Returns a source of a binary that has changed since the binary was built. Without cargo's list of
/// sources beside it, as in an archive of nextest, there is none.
fn newer_source(binary: &Path) -> Option<PathBuf> {
    let changed = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
    let built = changed(binary)?;
    let list = fs::read_to_string(binary.with_extension("d")).ok()?;
    sources(&list).into_iter().find(|source| changed(source).is_some_and(|time| time > built))
}

/// Returns the sources that a list names: `BINARY: SOURCE SOURCE…`, with a backslash before a blank.
fn sources(list: &str) -> Vec<PathBuf> {
    let (_, sources) =
        list.lines().next().and_then(|line| line.split_once(": ")).unwrap_or_default();
    let words = sources.replace("\\ ", "\0");
    words.split_whitespace().map(|word| PathBuf::from(word.replace('\0', " "))).collect()
}

fn is_old(name: &str, binary: &Path, source: &Path) -> Error {
    let (binary, source) = (binary.display(), source.display());
    let is_example = binary.to_string().contains("/examples/");
    let kind = if is_example { "example" } else { "bin" };
    Error::invalid(format!("`{binary}` is older than `{source}`")).with_help(format!(
        "run `cargo build --workspace --{kind} {name}` first: the command that runs this test does not \
         build it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_in_the_names_of_sources_are_no_ends() {
        let list = "/t/debug/a\\ b: /src/a\\ b/main.rs /src/lib.rs\n\n/src/lib.rs:\n";
        assert_eq!(sources(list), ["/src/a b/main.rs", "/src/lib.rs"].map(PathBuf::from));
        assert_eq!(sources(""), [] as [PathBuf; 0]);
    }
}
