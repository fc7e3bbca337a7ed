//! The README and the guide: their links lead somewhere, and their code is code that runs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{code, core, root, rust_files};

/// The pages whose code needs clients that the published crates do not depend on.
const PAGES_OF_RECIPES: [&str; 3] =
    ["README.md", "mirakuru-rstest/src/guide/recipes.md", "mirakuru-rstest/src/guide/tokio.md"];

const REFERENCE: [&str; 3] = ["crate.md", "process_fixture.md", "with_process.md"];

fn pages() -> Vec<PathBuf> {
    let guide = fs::read_dir(root().join("mirakuru-rstest/src/guide")).unwrap().flatten();
    let mut pages: Vec<_> = guide.map(|entry| entry.path()).collect();
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let beside = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "RELEASING.md", "SECURITY.md"];
    pages.extend(beside.map(|name| root().join(name)));
    pages.extend(REFERENCE.map(|name| core().join("reference").join(name)));
    pages
}

/// Returns the blocks of Rust of a page, without the indentation of a list.
fn rust_blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == "```rust" {
            let indent = line.len() - line.trim_start().len();
            let code = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks
                .push(code.map(|line| format!("{}\n", line.get(indent..).unwrap_or(""))).collect());
        }
    }
    blocks
}

/// Returns the targets of the links of a page, also of those that are defined at its end.
fn links(page: &str) -> Vec<&str> {
    let inline = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let defined = page.lines().filter(|line| line.starts_with('['));
    inline.chain(defined.filter_map(|line| Some(line.split_once("]: ")?.1))).collect()
}

/// Returns the anchor that GitHub gives to a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn leads_somewhere(link: &str, page: &Path) -> bool {
    let (file, heading) = link.split_once('#').unwrap_or((link, ""));
    let file = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    let Ok(text) = fs::read_to_string(file) else { return false };
    let headings = text.lines().filter(|line| line.starts_with('#'));
    heading.is_empty()
        || headings.map(|line| line.trim_matches(['#', ' '])).any(|it| anchor(it) == heading)
}

#[test]
fn each_link_of_the_pages_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let links = links(&text).into_iter().filter(|link| !link.contains("://"));
        let wrong = links.filter(|link| !leads_somewhere(link, &page));
        dead.extend(wrong.map(|link| format!("{}: {link}", page.display())));
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// Returns the lines of a page that define links to items: the name of the item, and where the link leads.
fn items(page: &str) -> Vec<(&str, &str)> {
    let defined = page.lines().filter_map(|line| line.strip_prefix("[`")?.split_once("`]: "));
    defined.collect()
}

/// Returns true if a source has the item, or if a page is about it.
fn has_item(file: &Path, item: &str) -> bool {
    let name = item.rsplit("::").next().unwrap();
    let text = fs::read_to_string(file).unwrap_or_default();
    let is_there = |kind: &str| text.contains(&format!("pub {kind} {name}"));
    file.file_stem().is_some_and(|stem| stem == name)
        || file.ends_with(format!("{name}/mod.rs"))
        || ["fn", "const fn", "struct", "enum"].into_iter().any(is_there)
}

/// In the documentation, `links.md` defines the links before the page does.
#[test]
fn the_links_of_the_reference_lead_to_items_in_the_repository_and_in_the_documentation() {
    let directory = core().join("reference");
    let links = fs::read_to_string(directory.join("links.md")).unwrap();
    let of_docs = items(&links);
    for (item, path) in &of_docs {
        assert_eq!(item, path, "rustdoc would not find it");
    }
    let included = |file: &str| format!("doc = include_str!(\"reference/{file}\")]");
    for page in REFERENCE {
        for name in ["mirakuru-core/src/lib.rs", "mirakuru-rstest/src/lib.rs"] {
            let text = fs::read_to_string(root().join(name)).unwrap();
            let before = text.split(&included(page)).next().unwrap();
            let line = before.trim_end_matches(['#', '!', '[']).trim_end();
            assert!(line.ends_with(&included("links.md")), "{name}: no links before {page}");
        }
        let text = fs::read_to_string(directory.join(page)).unwrap();
        let defined = items(&text);
        for item in found(r"\[`([\w:]+)`\](?:[^(:]|$)", &text) {
            let is_defined = defined.iter().any(|(defined, _)| *defined == item);
            assert!(is_defined, "{page}: no definition of [`{item}`] at the end");
        }
        assert_eq!(found(r"\]\((\w+(?:::\w+)?)\)", &text), [] as [&str; 0], "{page}: no file");
        for (item, path) in defined {
            assert!(has_item(&directory.join(path), item), "{page}: `{item}` is not in {path}");
            let is_of_docs = of_docs.iter().any(|(of_docs, _)| *of_docs == item);
            assert!(is_of_docs, "{page}: `{item}` is not in links.md");
        }
    }
}

#[test]
fn no_dependency_to_be_copied_has_a_url_that_leads_nowhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let dead: Vec<_> = text.lines().filter(|line| line.contains("git = \"https://…")).collect();
        assert!(dead.is_empty(), "{}: {dead:#?}", page.display());
    }
}

#[test]
fn the_code_of_the_recipes_is_what_their_suite_runs() {
    let suite = fs::read_dir(root().join("tests/recipes/suite")).unwrap().flatten();
    let suite: Vec<_> = suite.map(|entry| fs::read_to_string(entry.path()).unwrap()).collect();
    for page in PAGES_OF_RECIPES {
        let blocks = rust_blocks(&fs::read_to_string(root().join(page)).unwrap());
        assert!(!blocks.is_empty(), "{page} has no code");
        for block in blocks {
            assert!(suite.contains(&block), "no file of tests/recipes/suite is:\n{block}");
        }
    }
}

#[test]
fn the_readme_is_short() {
    let lines = fs::read_to_string(root().join("README.md")).unwrap().lines().count();
    assert!(lines <= 250, "{lines} lines");
}

/// Returns the words that a pattern with one group finds in a text.
fn found(pattern: &str, text: &str) -> Vec<String> {
    let pattern = regex_lite::Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn each_key_and_each_variable_is_in_the_reference() {
    let table = code(&root().join("mirakuru-macros/src/key.rs"));
    let keys = (found(r#"row\(\s*"([a-z_]+)""#, &table), "with_process.md");
    let code: String = rust_files(&core()).iter().map(|file| code(file)).collect();
    let variables = (found(r#""(MIRAKURU_[A-Z_]+)""#, &code), "crate.md");
    for (names, page) in [keys, variables] {
        assert!(!names.is_empty(), "{page}: nothing was found");
        let page = fs::read_to_string(core().join("reference").join(page)).unwrap();
        let missing: Vec<_> = names.iter().filter(|name| !page.contains(*name)).collect();
        assert!(missing.is_empty(), "not in the reference: {missing:?}");
    }
}
