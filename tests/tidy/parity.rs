//! `PARITY.md` names tests that exist, and one for each row.

use std::fs;
use std::path::Path;

use crate::root;

/// A link such as ``[`tcp::a_test`](readiness/tcp.rs)``.
struct Link {
    /// The name of the file without its extension, and that of the test.
    text: String,
    /// The path of the file below `tests`.
    path: String,
}

impl Link {
    /// Returns true if the file exists, the text names it, and it has the test.
    fn is_right(&self, tests: &Path) -> bool {
        let Some((file, test)) = self.text.split_once("::") else { return false };
        let path = tests.join(&self.path);
        let code = fs::read_to_string(&path).unwrap_or_default();
        path.file_stem() == Some(file.as_ref()) && has_test(&code, test)
    }
}

/// Returns true if a test attribute stands above the function, or cases between the two.
fn has_test(code: &str, name: &str) -> bool {
    let Some((above, _)) = code.split_once(&format!("fn {name}(")) else { return false };
    let item = above.rsplit("\n\n").next().unwrap_or_default();
    item.contains("#[test]") || item.contains("#[rstest]")
}

fn links(text: &str) -> Vec<Link> {
    let pieces = text.split("[`").skip(1);
    let links = pieces.filter_map(|piece| {
        let (text, rest) = piece.split_once("`](")?;
        let (path, _) = rest.split_once(')')?;
        Some(Link { text: text.to_owned(), path: path.to_owned() })
    });
    links.collect()
}

#[test]
fn each_test_that_the_table_of_parity_names_exists() {
    let tests = root().join("tests");
    let text = fs::read_to_string(tests.join("PARITY.md")).unwrap();
    let links = links(&text);
    assert!(links.len() > 100, "{} links were read", links.len());
    let wrong: Vec<_> = links.iter().filter(|link| !link.is_right(&tests)).collect();
    let names: Vec<_> =
        wrong.iter().map(|link| format!("{} in {}", link.text, link.path)).collect();
    assert!(names.is_empty(), "no such tests: {names:#?}");
}

#[test]
fn each_row_of_the_table_of_parity_has_a_test_or_says_why_not() {
    let text = fs::read_to_string(root().join("tests/PARITY.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-"));
    let is_header = |row: &&str| row.contains("| test");
    let bare: Vec<_> = rows
        .filter(|row| !is_header(row))
        .filter(|row| links(row).is_empty() && !row.contains("| –"))
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}
