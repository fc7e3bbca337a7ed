//! The house rules that a program can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the core crate, from the lowest floor up. A module imports from floors below its
/// own only.
const FLOORS: &[&[&str]] = &[
    &["address", "near", "scope", "signal", "sys", "template"],
    &["exit", "holder", "progress"],
    &["error", "events"],
    &["banner", "command", "port", "run"],
    &["program", "supervisor"],
    &["values"],
    &["log"],
    &["check"],
    &["probe", "witness"],
    &["definition", "notice"],
    &["plan"],
    &["server"],
    &["process"],
    &["executor"],
    &["fuzz", "shared"],
];

/// No file is longer than this, its tests left out.
const LINES_MAX: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code of a file, without its unit tests.
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

fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(core()).unwrap();
    let first = inside.components().next().unwrap().as_os_str();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

fn floor_of(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules that a file names by `crate::…`.
fn imports(path: &Path) -> BTreeSet<String> {
    let code = code(path);
    let lines = code.lines().filter(|line| !is_comment(line));
    let after = lines.flat_map(|line| line.split("crate::").skip(1));
    let word = |text: &str| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
    };
    after.filter_map(word).filter(|word| floor_of(word).is_some()).collect()
}

#[test]
fn imports_of_the_core_go_down_only() {
    let mut wrong = Vec::new();
    for path in rust_files(&core()) {
        let module = module_of(&path);
        if module == "lib" {
            continue;
        }
        let own = floor_of(&module).unwrap_or_else(|| panic!("`{module}` is on no floor"));
        let above = imports(&path).into_iter().filter(|other| *other != module);
        wrong.extend(
            above
                .filter(|other| floor_of(other) >= Some(own))
                .map(|other| format!("{module} -> {other}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
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
    let files = rust_files(&root()).into_iter().filter(|path| !path.ends_with("it/tidy.rs"));
    let found: Vec<_> = files.filter(|path| code(path).contains("#[ctor::ctor")).collect();
    assert_eq!(found, [core().join("supervisor/entry.rs")]);
}

#[test]
fn probes_never_kill() {
    for file in rust_files(&core().join("probe")) {
        let code = code(&file);
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
    // These name files and tell old ones from new ones.
    let allowed = ["run.rs", "values.rs", "shared/session.rs"].map(|name| core().join(name));
    for file in rust_files(&core()).iter().filter(|file| !allowed.contains(file)) {
        assert!(!code(file).contains("SystemTime"), "{} reads the wall clock", file.display());
    }
    for file in &allowed {
        assert!(!code(file).contains("deadline"), "{} waits, by the wall clock?", file.display());
    }
}

#[test]
fn both_twins_have_the_same_functions() {
    let names = |file: &str| -> BTreeSet<String> {
        let code = code(&core().join("sys").join(file));
        let items = ["pub(crate) fn ", "pub(crate) const ", "pub(crate) struct "];
        let named = |line: &str| {
            let rest = items.iter().find_map(|item| line.trim().strip_prefix(item))?;
            rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().map(str::to_owned)
        };
        code.lines().filter_map(named).collect()
    };
    let mut linux = names("linux.rs");
    linux.extend(names("proc.rs"));
    assert_eq!(linux, names("portable.rs"));
}
