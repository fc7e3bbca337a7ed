//! Rules of the source that a program can check.

#![allow(clippy::unwrap_used, reason = "a helper of a test panics as the test would")]

mod docs;
mod imports;
mod parity;
mod words;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The greatest number of lines of a file without its unit tests.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = files(directory);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files
}

/// Returns all files below a directory, except what cargo and git keep there.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            found.extend(files(&path));
        } else if path.is_file() {
            found.push(path);
        }
    }
    found
}

/// Returns the text of a file up to its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn core() -> PathBuf {
    root().join("mirakuru-core/src")
}

#[test]
fn unsafe_code_stands_in_sys_alone() {
    let is_unsafe = |line: &&str| {
        let words = ["unsafe {", "unsafe fn", "unsafe impl"];
        !is_comment(line) && words.iter().any(|word| line.contains(word))
    };
    for path in
        ["mirakuru-core", "mirakuru-macros", "mirakuru-rstest"].map(|name| root().join(name))
    {
        for file in rust_files(&path.join("src")) {
            let count = code(&file).lines().filter(is_unsafe).count();
            let allowed = file.starts_with(core().join("sys"));
            assert!(allowed || count == 0, "{} has unsafe code", file.display());
        }
    }
}

#[test]
fn only_one_file_runs_before_main() {
    let files = rust_files(&root()).into_iter().filter(|path| !path.ends_with("tidy/main.rs"));
    let user = root().join("tests/lifecycle/constructors.rs");
    let files = files.filter(|path| *path != user);
    let is_constructor = |code: String| {
        ["ctor::ctor(", "ctor::declarative::"].iter().any(|macro_| code.contains(macro_))
    };
    let found: Vec<_> = files.filter(|path| is_constructor(code(path))).collect();
    assert_eq!(found, [core().join("supervisor/launcher.rs")]);
}

#[test]
fn no_code_reads_the_arguments_of_std() {
    // Only glibc passes them to code before `main`: elsewhere, std has none there.
    let files = rust_files(&core()).into_iter().filter(|file| code(file).contains("env::args"));
    assert_eq!(files.collect::<Vec<_>>(), [] as [PathBuf; 0]);
}

#[test]
fn elsewhere_than_on_unix_there_is_one_error() {
    let lib = fs::read_to_string(core().join("lib.rs")).unwrap();
    let items: Vec<_> = lib.lines().filter(|line| !is_comment(line) && !line.is_empty()).collect();
    let is_item =
        |line: &str| ["mod ", "pub mod ", "pub use "].iter().any(|it| line.starts_with(it));
    for at in (0..items.len()).filter(|at| is_item(items[*at])) {
        let attributes = items[..at].iter().rev().take_while(|line| line.starts_with("#["));
        let is_unix =
            attributes.into_iter().any(|line| line.starts_with("#[cfg(") && line.contains("unix"));
        let is_macro = items[at].contains("mirakuru_macros");
        assert!(is_unix || is_macro, "`{}` is compiled on Windows", items[at]);
    }
}

#[test]
fn conditions_never_kill() {
    // A condition may end the process that it has started itself.
    let own = core().join("readiness/command/contained.rs");
    for file in rust_files(&core().join("readiness")).iter().filter(|file| **file != own) {
        let code = code(file);
        let kills =
            ["Request::Stop", "Request::Kill", "sys::kill"].iter().any(|word| code.contains(word));
        assert!(!kills, "{} acts on a process", file.display());
    }
}

#[test]
fn files_are_short() {
    for file in rust_files(&root()) {
        let lines = code(&file).lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
    }
}

#[test]
fn nothing_sleeps_and_nothing_unwraps_outside_tests() {
    for name in ["mirakuru-core", "mirakuru-macros", "mirakuru-rstest"] {
        for file in rust_files(&root().join(name).join("src")) {
            for line in code(&file).lines().filter(|line| !is_comment(line)) {
                let wrong = line.contains("thread::sleep") || line.contains(".unwrap()");
                assert!(!wrong, "{}: {line}", file.display());
            }
        }
    }
}

#[test]
fn no_wait_looks_at_a_clock_that_can_be_set() {
    // These name files and compare their ages.
    let allowed = [
        "diagnostics/log_dir.rs",
        "diagnostics/timeline/mod.rs",
        "resources/temp_path.rs",
        "resources/templates/unused.rs",
        "sharing/session/mod.rs",
        "supervisor/daemon/shared_memory.rs",
    ];
    let allowed = allowed.map(|name| core().join(name));
    for file in rust_files(&core()).iter().filter(|file| !allowed.contains(file)) {
        assert!(!code(file).contains("SystemTime"), "{} reads the wall clock", file.display());
    }
    for file in &allowed {
        assert!(!code(file).contains("deadline"), "{} waits, by the wall clock?", file.display());
    }
}

#[test]
fn linux_and_its_fallback_have_the_same_functions() {
    let names = |file: &Path| -> BTreeSet<String> {
        let code = code(file);
        let items = ["pub(crate) fn ", "pub(crate) const ", "pub(crate) struct "];
        let named = |line: &str| {
            let rest = items.iter().find_map(|item| line.trim().strip_prefix(item))?;
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
        };
        code.lines().filter_map(named).collect()
    };
    let names_in = |room: &str| -> BTreeSet<String> {
        rust_files(&core().join("sys").join(room)).iter().flat_map(|file| names(file)).collect()
    };
    assert_eq!(names_in("linux"), names_in("fallback"));
}

#[test]
fn every_public_function_has_an_example() {
    let is_public = |line: &str| {
        let line = line.trim_start();
        ["pub fn ", "pub const fn ", "pub async fn "].iter().any(|start| line.starts_with(start))
    };
    let generated = core().join("sharing/macro_support.rs");
    let mut files = [rust_files(&core()), rust_files(&root().join("mirakuru-rstest/src"))].concat();
    files.retain(|file| *file != generated && !file.starts_with(core().join("fuzz")));
    for file in files {
        let code = code(&file);
        let lines: Vec<_> = code.lines().collect();
        for at in (0..lines.len()).filter(|at| is_public(lines[*at])) {
            let above = lines[..at].iter().rev().map(|line| line.trim_start());
            let docs = above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
            let has_example = docs.into_iter().any(|line| {
                let hidden_or_included = ["#[doc(hidden)]", "#[doc = include_str!"];
                line.contains("```") || hidden_or_included.iter().any(|it| line.starts_with(it))
            });
            assert!(has_example, "{}: no example of `{}`", file.display(), lines[at].trim());
        }
    }
}

#[test]
fn the_programs_of_the_tests_have_no_page_in_the_documentation() {
    let manifest = fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    for program in rust_files(&root().join("tests/src/bin")) {
        let name = program.file_stem().unwrap().to_str().unwrap();
        let row = format!("{{ name = \"{name}\", test = false, doc = false }}");
        assert!(manifest.contains(&row), "tests/Cargo.toml has no row `{row}`");
    }
}
