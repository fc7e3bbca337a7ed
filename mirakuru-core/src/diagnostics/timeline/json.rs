//! The little JSON that events have.

use std::fmt::Write;

/// Returns a text in quotes. It can stand inside of a `<script>`.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || matches!(c, '<' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c)); // A string takes all.
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

pub(super) fn array(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

pub(super) fn object(fields: &[(&str, String)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("\"{name}\":{value}"));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_server_ends_neither_the_string_nor_the_script() {
        assert_eq!(text("a\"\\\n</script>é"), r#""a\"\\\u000a\u003c/script>é""#);
        let fields = [("a", array(["1".to_owned(), text("b")].into_iter()))];
        assert_eq!(object(&fields), r#"{"a":[1,"b"]}"#);
    }
}
