//! Patterns for lines of output.

use regex_lite::Regex;

/// Names of groups that are placeholders with another meaning.
const RESERVED_GROUPS: [&str; 2] = ["dir", "udp"];

/// Compiles a pattern in which `^` and `$` are the ends of a line.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() {
        return Err("an empty output pattern matches everything".to_owned());
    }
    Regex::new(&format!("(?m){pattern}"))
        .map_err(|error| format!("the pattern `{pattern}` is not a regular expression: {error}"))
}

/// Returns advice for a pattern that does not compile.
pub(crate) fn help(pattern: &str) -> &'static str {
    match ["{port", "{udp", "{dir}", "{bin:"].iter().any(|begin| pattern.contains(begin)) {
        true => "a pattern has no placeholders: `\\d+` matches any port",
        false => "a backslash before a character takes it as it is: `\\(`",
    }
}

/// Returns the names of the groups, which become placeholders.
pub(crate) fn groups(pattern: &str) -> Vec<String> {
    let pattern = compile(pattern).ok();
    let names = pattern.iter().flat_map(|pattern| pattern.capture_names().flatten());
    names.map(str::to_owned).collect()
}

/// Fails if a group has the name of another placeholder.
pub(crate) fn check_groups(names: &[String]) -> Result<(), String> {
    match names.iter().find(|name| RESERVED_GROUPS.contains(&name.as_str())) {
        Some(name) => Err(format!(
            "a group of an output pattern cannot be called `{name}`: `{{{name}}}` is another \
             placeholder"
        )),
        None => Ok(()),
    }
}

/// Returns true if a pattern has no special characters, so that it matches itself only.
pub(crate) fn is_plain(pattern: &str) -> bool {
    regex_lite::escape(pattern) == pattern
}

/// Returns a text that every match contains, if the pattern is that text between anchors.
pub(crate) fn required_text(pattern: &str) -> Option<&str> {
    let text = pattern.strip_prefix('^').unwrap_or(pattern);
    let text = text.strip_suffix('$').unwrap_or(text);
    (is_plain(text) && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_cannot_be_used_says_why() {
        assert!(compile("").unwrap_err().contains("matches everything"));
        assert!(compile("(").unwrap_err().contains("not a regular expression"));
        assert!(help("port {port}").contains("no placeholders"));
    }

    #[test]
    fn the_text_between_anchors_is_in_every_match() {
        for (pattern, text) in [("^ready$", "ready"), ("ready$", "ready"), ("a b", "a b")] {
            assert_eq!(required_text(pattern), Some(text));
        }
        for pattern in ["^$", "a.b", r"a\$", "^a|b$", "$"] {
            assert_eq!(required_text(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn groups_are_named_unless_the_name_is_taken() {
        let names = groups(r"on (?<host>\S+):(?P<port>\d+)");
        assert_eq!(names, ["host", "port"]);
        assert_eq!(check_groups(&names), Ok(()));
        assert!(check_groups(&groups("in (?<dir>.*)")).unwrap_err().contains("called `dir`"));
    }
}
