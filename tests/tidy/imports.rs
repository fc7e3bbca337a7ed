//! Imports of the core crate go down only: between the rooms, and between the files of each.
//!
//! A room is a directory below `src`, or a file beside them. `mod.rs` counts as a file of its
//! room; an import of a name that it re-exports counts as an import of the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{code, core, is_comment, rust_files};

/// The rooms from the top floor down. Each imports from rooms below itself only.
const ROOMS: &[&str] = &[
    "fuzz",
    "stack",
    "sharing",
    "servers",
    "executor",
    "process",
    "server",
    "launch",
    "readiness",
    "output",
    "supervisor",
    "resources",
    "diagnostics",
    "command",
    "error",
    "types",
    "syntax",
    "sys",
];

/// The files of the crate by the paths of their modules: `["output", "log"]`.
struct Crate(BTreeMap<Vec<String>, PathBuf>);

impl Crate {
    fn read() -> Self {
        let module = |file: &PathBuf| {
            let inside = file.strip_prefix(core()).unwrap().with_extension("");
            let mut names: Vec<_> =
                inside.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            if names.last().is_some_and(|name| name == "mod" || name == "lib") {
                names.pop();
            }
            names
        };
        Self(rust_files(&core()).into_iter().map(|file| (module(&file), file)).collect())
    }

    /// Returns the module that defines the item: that of the longest path to a file, or the one
    /// that a `mod.rs` re-exports it from.
    fn module_of(&self, path: &[String]) -> Vec<String> {
        let length = (0..=path.len()).rev().find(|n| self.0.contains_key(&path[..*n])).unwrap();
        let module = path[..length].to_vec();
        let Some(item) = path.get(length) else { return module };
        match re_exports(&code(&self.0[&module])).get(item) {
            Some(child) => {
                let child: Vec<_> = module.iter().chain(child).cloned().collect();
                if self.0.contains_key(&child) { child } else { module }
            }
            None => module,
        }
    }

    /// Returns the modules that a module imports from.
    fn imports(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let mut imports: BTreeSet<_> = paths(&code(&self.0[module]))
            .into_iter()
            .filter_map(|path| absolute(module, path))
            .map(|path| self.module_of(&path))
            .collect();
        imports.remove(module);
        imports.retain(|import| !import.is_empty());
        imports
    }
}

/// Returns the names that a file re-exports from its children, with the paths to those.
fn re_exports(code: &str) -> BTreeMap<String, Vec<String>> {
    let statements = statements(code).into_iter().filter(|it| it.starts_with("pub"));
    let uses = statements.filter_map(|it| Some(it.split_once("use ")?.1.to_owned()));
    let paths = uses.flat_map(|tree| expand(&tree));
    let named = paths.filter_map(|mut path| {
        path.retain(|name| name != "self");
        Some((path.pop()?, path))
    });
    named.collect()
}

/// Returns every path that begins with `crate`, `super` or `self`, and the children in `use`.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for statement in statements(code) {
        if let Some(tree) = statement.strip_prefix("use ") {
            found.extend(expand(tree));
        }
    }
    let lines = code.lines().filter(|line| !is_comment(line) && !line.contains("use "));
    for line in lines {
        for (at, _) in line.match_indices("crate::").chain(line.match_indices("super::")) {
            let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let end = line[at..].find(|c| !is_path(c)).map_or(line.len(), |end| at + end);
            let names = line[at..end].split("::").filter(|name| !name.is_empty());
            found.push(names.map(str::to_owned).collect());
        }
    }
    found
}

/// Returns the statements that import or re-export, each in one line.
fn statements(code: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut open: Option<String> = None;
    for line in code.lines().filter(|line| !is_comment(line)) {
        let begins = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "];
        if open.is_none() && begins.iter().any(|begin| line.starts_with(begin)) {
            open = Some(String::new());
        }
        if let Some(text) = &mut open {
            text.push_str(line.trim());
            text.push(' ');
            if line.trim_end().ends_with(';') {
                statements.push(open.take().unwrap().trim().trim_end_matches(';').to_owned());
            }
        }
    }
    statements
}

/// Returns the paths of a tree such as `a::{b, c::{d, e}}`.
fn expand(tree: &str) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![path.split("::").map(|name| name.trim().to_owned()).collect()];
    };
    let prefix: Vec<_> =
        tree[..open].split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let inner = tree[open + 1..].trim_end().trim_end_matches('}');
    let mut paths = Vec::new();
    for part in split_at_depth_0(inner) {
        for mut path in expand(&part) {
            path.retain(|name| name != "self");
            paths.push(prefix.iter().cloned().chain(path).collect());
        }
    }
    paths
}

fn split_at_depth_0(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.into_iter().filter(|part| !part.trim().is_empty()).collect()
}

/// Returns the path from the root of the crate, or none for a path that leads out of it.
fn absolute(module: &[String], path: Vec<String>) -> Option<Vec<String>> {
    let is_mod = core().join(module.join("/")).is_dir();
    let mut base = module.to_vec();
    let mut names = path.into_iter().peekable();
    match names.peek().map(String::as_str) {
        Some("crate") => base.clear(),
        // `super` of a file is its directory; so is `self` of a `mod.rs`.
        Some("super") => {}
        Some("self") if is_mod => {}
        Some(first) if is_mod && core().join(module.join("/")).join(first).exists() => {}
        Some(first)
            if is_mod && core().join(module.join("/")).join(format!("{first}.rs")).exists() => {}
        _ => return None,
    }
    while names.next_if(|name| name == "super").is_some() {
        base.pop();
    }
    let _ = names.next_if(|name| name == "crate" || name == "self");
    base.extend(names);
    Some(base)
}

#[test]
fn imports_of_the_core_go_down_between_rooms() {
    let the_crate = Crate::read();
    let floor = |module: &[String]| {
        let floor = ROOMS.iter().position(|room| *room == module[0]);
        floor.unwrap_or_else(|| panic!("`{}` is no room", module[0]))
    };
    let mut wrong = Vec::new();
    for module in the_crate.0.keys().filter(|module| !module.is_empty()) {
        for import in the_crate.imports(module) {
            if import[0] != module[0] && floor(&import) <= floor(module) {
                wrong.push(format!("{} -> {}", module.join("/"), import.join("/")));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn imports_of_the_core_have_no_cycle_inside_a_room() {
    let the_crate = Crate::read();
    let mut left: BTreeMap<_, _> = the_crate
        .0
        .keys()
        .filter(|module| !module.is_empty())
        .map(|module| (module.clone(), the_crate.imports(module)))
        .collect();
    // A module that imports no remaining module, or that no remaining module imports, is not in
    // a cycle.
    loop {
        let imported: BTreeSet<_> = left.values().flatten().cloned().collect();
        let free = left.iter().find(|(module, imports)| {
            !imported.contains(*module) || imports.iter().all(|import| !left.contains_key(import))
        });
        let Some(module) = free.map(|(module, _)| module.clone()) else { break };
        left.remove(&module);
    }
    let names: BTreeSet<_> = left.keys().cloned().collect();
    let arrows: Vec<_> = left
        .iter()
        .flat_map(|(module, imports)| {
            let in_cycle = imports.iter().filter(|import| names.contains(*import));
            in_cycle.map(move |import| format!("{} -> {}", module.join("/"), import.join("/")))
        })
        .collect();
    assert!(arrows.is_empty(), "cycles: {arrows:#?}");
}

#[test]
fn only_one_file_stands_beside_the_rooms() {
    let files = fs::read_dir(core()).unwrap().flatten().map(|entry| entry.path());
    let mut names: Vec<_> = files
        .filter(|path| path.is_file())
        .map(|path| Path::new(path.file_name().unwrap()).display().to_string())
        .collect();
    names.sort();
    assert_eq!(names, ["lib.rs"]);
}

#[test]
fn trees_of_imports_are_read_right() {
    let names = |path: &str| path.split("::").map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(expand("crate::a::B"), [names("crate::a::B")]);
    assert_eq!(
        expand("crate::{a::{self, B}, c::D as E}"),
        [names("crate::a"), names("crate::a::B"), names("crate::c::D")]
    );
}
