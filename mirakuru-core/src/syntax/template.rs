//! Placeholders: `{port}`, `{port:name}`, `{udp}`, `{udp:name}`, `{dir}`, `{bin:name}`, what was
//! captured from the output, and `{{`, `}}` for literal braces.
//!
//! Pure text, shared with the macros crate, which checks literals at compile time with the very
//! code that renders them at run time.

use std::ops::Range;

/// A text with placeholders, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Literal(String),
    /// `{port}` is the port with the empty name.
    Port(String),
    /// A port that is free for UDP too.
    Udp(String),
    /// What the process itself tells when it has started.
    Captured(String),
    Dir,
    Bin(String),
}

/// What is wrong with a text, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

const KNOWN: &str = "known are {port}, {port:name}, {udp}, {udp:name}, {dir}, {bin:name} and the \
                     names of groups in an output pattern; write {{ and }} for literal braces";

impl Template {
    /// `is_captured` tells which names the process itself gives a value to.
    pub(crate) fn parse(text: &str, is_captured: &dyn Fn(&str) -> bool) -> Result<Self, Fault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(offset) = text[at..].find(['{', '}']) {
            let brace = at + offset;
            literal.push_str(&text[at..brace]);
            let doubled = text[brace..].starts_with("{{") || text[brace..].starts_with("}}");
            if doubled {
                literal.push_str(&text[brace..=brace]);
                at = brace + 2;
                continue;
            }
            let (piece, end) = placeholder(text, brace, is_captured)?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
            at = end;
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Puts a value in the place of each placeholder.
    pub(crate) fn render<E>(
        &self,
        mut value: impl FnMut(&Piece) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                placeholder => text.push_str(&value(placeholder)?),
            }
        }
        Ok(text)
    }
}

/// Fails if a text that names a TCP port has the placeholder of a UDP port.
pub(crate) fn check_tcp(text: &str) -> Result<(), String> {
    match udp_of(text) {
        None => Ok(()),
        Some(name) => {
            let (udp, port) = match name.as_str() {
                "" => ("{udp}".to_owned(), "{port}".to_owned()),
                name => (format!("{{udp:{name}}}"), format!("{{port:{name}}}")),
            };
            Err(format!(
                "`{udp}` in `{text}` is a UDP port, for which `udp` waits; as a TCP port, the same \
                 number is `{port}`"
            ))
        }
    }
}

/// Returns the name of the first UDP port in a text, if there is one.
pub(crate) fn udp_of(text: &str) -> Option<String> {
    let is_captured = |name: &str| !["port", "udp", "dir"].contains(&name);
    let pieces = Template::parse(text, &is_captured).ok()?.pieces;
    pieces.into_iter().find_map(|piece| match piece {
        Piece::Udp(name) => Some(name),
        _ => None,
    })
}

fn placeholder(
    text: &str,
    brace: usize,
    is_captured: &dyn Fn(&str) -> bool,
) -> Result<(Piece, usize), Fault> {
    if text[brace..].starts_with('}') {
        let message = format!("unmatched `}}`; {KNOWN}");
        return Err(Fault { at: brace..brace + 1, message });
    }
    let Some(close) = text[brace..].find('}') else {
        let message = format!("unclosed `{{`; {KNOWN}");
        return Err(Fault { at: brace..brace + 1, message });
    };
    let end = brace + close + 1;
    let inner = &text[brace + 1..end - 1];
    let piece = match inner.split_once(':') {
        None if is_captured(inner) => Piece::Captured(inner.to_owned()),
        None if inner == "port" => Piece::Port(String::new()),
        None if inner == "udp" => Piece::Udp(String::new()),
        None if inner == "dir" => Piece::Dir,
        Some(("port", name)) if is_name(name) => Piece::Port(name.to_owned()),
        Some(("udp", name)) if is_name(name) => Piece::Udp(name.to_owned()),
        Some(("bin", name)) if is_name(name) => Piece::Bin(name.to_owned()),
        _ => {
            let message = format!("unknown placeholder `{{{inner}}}`; {KNOWN}");
            return Err(Fault { at: brace..end, message });
        }
    };
    Ok((piece, end))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: fn(&str) -> bool = |_| false;

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    #[test]
    fn placeholders_are_told_from_literal_text() {
        let text = "a {port} {port:admin}{dir}/x {bin:my-server}{udp}{udp:dns}";
        let template = Template::parse(text, &NONE).unwrap();
        let expected = [
            literal("a "),
            Piece::Port(String::new()),
            literal(" "),
            Piece::Port("admin".to_owned()),
            Piece::Dir,
            literal("/x "),
            Piece::Bin("my-server".to_owned()),
            Piece::Udp(String::new()),
            Piece::Udp("dns".to_owned()),
        ];
        assert_eq!(template.pieces, expected);
    }

    #[test]
    fn what_is_captured_goes_before_what_is_known() {
        let is_captured = |name: &str| ["port", "key"].contains(&name);
        let template = Template::parse("{key}{port}{port:key}", &is_captured).unwrap();
        let expected = [
            Piece::Captured("key".to_owned()),
            Piece::Captured("port".to_owned()),
            Piece::Port("key".to_owned()),
        ];
        assert_eq!(template.pieces, expected);
    }

    #[test]
    fn doubled_braces_are_literal() {
        assert_eq!(Template::parse("{{port}} {{}}", &NONE).unwrap().pieces, [literal("{port} {}")]);
    }

    #[test]
    fn anything_else_in_braces_is_refused_where_it_stands() {
        for (text, at) in [
            ("x {prot} y", 2..8),
            ("{", 0..1),
            ("a }", 2..3),
            ("{}", 0..2),
            ("{port:}", 0..7),
            ("{port:a b}", 0..10),
            ("{bin:}", 0..6),
            ("{dir:x}", 0..7),
            ("{udp:}", 0..6),
            ("{key}", 0..5),
            ("é{x}", 2..5),
        ] {
            let fault = Template::parse(text, &NONE).unwrap_err();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.message.contains("{{ and }}"), "{}", fault.message);
        }
    }

    #[test]
    fn rendering_asks_for_each_placeholder() {
        let template = Template::parse("h:{port}/{{{dir}}}", &NONE).unwrap();
        let text = template.render(|piece| {
            Ok::<_, ()>(match piece {
                Piece::Port(_) => "80".to_owned(),
                _ => "/tmp/d".to_owned(),
            })
        });
        assert_eq!(text.unwrap(), "h:80/{/tmp/d}");
    }
}
