//! Escape sequences that programs write for terminals.

/// The text without what a terminal would take for colours and the like.
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
