//! Escape sequences for terminals.

/// Returns the text without control sequences such as those for colours.
pub(super) fn without_escapes(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, sequence)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        // A control sequence ends with the first character from `@` on.
        let end = sequence.find(|c: char| ('@'..='~').contains(&c));
        rest = end.map_or("", |end| &sequence[end + 1..]);
    }
    plain.push_str(rest);
    plain
}
