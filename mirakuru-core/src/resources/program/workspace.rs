//! The binaries of the workspace, built or not. They are looked for only to explain a failure.

use std::fs;
use std::path::{Path, PathBuf};

/// How deep the packages of a workspace are looked for, and how many directories are.
const DEPTH_MAX: usize = 5;
const DIRS_MAX: usize = 5_000;

/// A binary as its package describes it.
pub(super) struct Binary {
    pub(super) name: String,
    pub(super) package: String,
    /// The package is the one that is tested.
    pub(super) is_own: bool,
}

/// Returns the binaries of the workspace of the package under test.
pub(super) fn binaries() -> Vec<Binary> {
    let Some(own) = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) else {
        return Vec::new();
    };
    let is_root = |dir: &&Path| manifest(dir).is_some_and(|text| text.contains("[workspace"));
    let root = own.ancestors().find(is_root).unwrap_or(&own);
    let packages = directories(root).into_iter();
    packages.flat_map(|dir| of_package(&dir, dir == own).unwrap_or_default()).collect()
}

fn manifest(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.join("Cargo.toml")).ok()
}

/// Returns the directories in which a package may be.
fn directories(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![(root.to_owned(), 0)];
    let mut next = 0;
    while let Some((dir, depth)) = found.get(next).cloned() {
        next += 1;
        if depth < DEPTH_MAX && found.len() < DIRS_MAX {
            found.extend(directories_in(&dir).map(|dir| (dir, depth + 1)));
        }
    }
    found.into_iter().map(|(dir, _)| dir).collect()
}

fn directories_in(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let is_looked_at = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir()); // No link is followed.
        is_dir && !name.starts_with('.') && name != "target" && name != "node_modules"
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(is_looked_at).map(|entry| entry.path())
}

fn of_package(dir: &Path, is_own: bool) -> Option<Vec<Binary>> {
    let text = manifest(dir)?;
    let package = names(&text, "[package]").next()?;
    let mut found: Vec<_> = names(&text, "[[bin]]").collect();
    found.extend(dir.join("src/main.rs").is_file().then(|| package.clone()));
    for entry in fs::read_dir(dir.join("src/bin")).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_source = path.extension().is_some_and(|it| it == "rs");
        if is_source || path.join("main.rs").is_file() {
            found.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    let binary = |name| Binary { name, package: package.clone(), is_own };
    Some(found.into_iter().map(binary).collect())
}

/// Returns the names in the tables of this heading.
fn names<'a>(manifest: &'a str, heading: &'a str) -> impl Iterator<Item = String> + 'a {
    let mut is_below = false;
    manifest.lines().map(str::trim).filter_map(move |line| {
        if line.starts_with('[') {
            is_below = line.starts_with(heading);
        }
        let (key, value) = line.split_once('=')?;
        let value = value.split('"').nth(1)?;
        (is_below && key.trim() == "name").then(|| value.to_owned())
    })
}
