//! Words that comments, documentation and messages do not use.

use std::fs;
use std::path::Path;

use regex_lite::Regex;

use crate::{code, files, is_comment, root, rust_files};

/// The words, each with one to use instead.
const WORDS: [(&str, &str); 7] = [
    ("whoever", "the process, the test, the user"),
    ("somebody", "a process, a test, a user"),
    ("nobody", "no process, no test, none"),
    ("anew", "again"),
    ("folders?", "directory"),
    ("is told", "gets, receives, knows"),
    ("told of", "reported"),
];

/// Returns true for source, documentation and scripts, except for this list and the fuzzing inputs.
fn is_checked(path: &Path) -> bool {
    let inside = path.strip_prefix(root()).unwrap();
    let is_text = path.extension().is_some_and(|it| it == "rs" || it == "md" || it == "toml");
    let is_exempt = inside.starts_with("fuzz/corpus") || inside == Path::new(file!());
    (is_text || inside == Path::new(".ci/run")) && !is_exempt
}

#[test]
fn words_that_are_not_used_are_not_used() {
    let words = WORDS
        .map(|(word, instead)| (Regex::new(&format!(r"(?i)\b{word}\b")).unwrap(), word, instead));
    let mut found = Vec::new();
    for path in files(&root()).iter().filter(|path| is_checked(path)) {
        let text = fs::read_to_string(path).unwrap();
        // Few files have any of the words, and a pattern takes long on each line of all.
        let lower_case = text.to_lowercase();
        let words =
            words.iter().filter(|(_, word, _)| lower_case.contains(word.trim_end_matches("s?")));
        let words: Vec<_> = words.collect();
        for (number, line) in text.lines().enumerate() {
            // A user of that name has few rights.
            let line = line.replace("\"nobody\"", "");
            let used = words.iter().filter(|(pattern, ..)| pattern.is_match(&line));
            found.extend(used.map(|(_, word, instead)| {
                format!("{}:{}: `{word}`: {instead}", path.display(), number + 1)
            }));
        }
    }
    assert!(found.is_empty(), "{} words: {found:#?}", found.len());
}

/// Who writes an attribute or a fixture has never seen an executor, but may have written the type.
#[test]
fn messages_speak_of_definitions_and_processes_not_of_executors() {
    let text = Regex::new(r#""(?:[^"\\]|\\[\s\S])*""#).unwrap();
    let word = Regex::new(r"\bexecutors?\b").unwrap();
    for name in ["mirakuru-core", "mirakuru-macros"] {
        for file in rust_files(&root().join(name).join("src")) {
            let code = code(&file).replace("'\"'", "");
            let is_of_the_type = |line: &str| line.contains("#[must_use");
            let lines = code.lines().filter(|line| !is_comment(line) && !is_of_the_type(line));
            let code = lines.collect::<Vec<_>>().join("\n");
            let wrong = text.find_iter(&code).find(|text| word.is_match(text.as_str()));
            assert!(wrong.is_none(), "{}: {wrong:?}", file.display());
        }
    }
}
