//! Placeholders: `{port}`, `{port:name}`, `{udp}`, `{udp:name}`, `{low_port}`, `{low_port:name}`, `{dir}`,
//! `{bin:name}`, and what was captured from the output. `{other.port}` is that of another process.
//!
//! Only `{identifier}` is special, `{other.…}` where `other` is the name of a process, and `{{identifier}}` is the text `{identifier}`. All other braces are
//! literal, as are those after a dollar sign: configurations, scripts and JSON are written as they are.
//!
//! Pure text, shared with the macros crate, which checks literals at compile time with the very
//! code that renders them at run time.

use std::ops::Range;

use super::suggest;

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
    /// A port that no signed number of 16 bits is too small for.
    LowPort(String),
    /// What the process itself tells when it has started.
    Captured(String),
    Dir,
    Bin(String),
    /// A placeholder of another process: its name, and what stands behind the dot.
    Other(String, String),
}

/// What is wrong with a text, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
}

/// The names to which the process itself gives a value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Captured<'a> {
    These(&'a [String]),
    /// Every identifier that is no other placeholder.
    Any,
}

/// The placeholders that stand for a port: the first of a process, or one with a name.
const PORTS: [PortKind; 3] =
    [("port", Piece::Port), ("udp", Piece::Udp), ("low_port", Piece::LowPort)];

type PortKind = (&'static str, fn(String) -> Piece);

/// Returns true for the name of another process.
type IsOther<'a> = &'a dyn Fn(&str) -> bool;

impl Template {
    pub(crate) fn parse(text: &str, captured: Captured<'_>) -> Result<Self, Fault> {
        Self::parse_with(text, captured, &|_| false)
    }

    /// Parses a text in which the placeholders of other processes may stand.
    pub(crate) fn parse_with(
        text: &str,
        captured: Captured<'_>,
        is_other: IsOther<'_>,
    ) -> Result<Self, Fault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(offset) = text[at..].find('{') {
            let brace = at + offset;
            literal.push_str(&text[at..brace]);
            let (piece, end) = piece_at(text, brace, captured, is_other)?;
            at = end;
            match piece {
                Piece::Literal(text) => literal.push_str(&text),
                placeholder => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(placeholder);
                }
            }
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

/// Fails if a text, whose result is kept for other processes, has a port in it.
pub(crate) fn check_portless(text: &str) -> Result<(), String> {
    let pieces = Template::parse(text, Captured::Any).map(|it| it.pieces).unwrap_or_default();
    let is_port = |it: &Piece| matches!(it, Piece::Port(_) | Piece::Udp(_) | Piece::LowPort(_));
    match pieces.iter().any(is_port) {
        true => Err(format!(
            "`{text}` of `template` has a port in it, which would not be the same next time; use \
             `before_start`"
        )),
        false => Ok(()),
    }
}

/// Returns the name of the first UDP port in a text, if there is one.
pub(crate) fn udp_of(text: &str) -> Option<String> {
    let pieces = Template::parse(text, Captured::Any).ok()?.pieces;
    pieces.into_iter().find_map(|piece| match piece {
        Piece::Udp(name) => Some(name),
        _ => None,
    })
}

/// Returns the first placeholder of another process in a text, if there is one.
pub(crate) fn other_in(text: &str, is_other: IsOther<'_>) -> Option<String> {
    let pieces = Template::parse_with(text, Captured::Any, is_other).ok()?.pieces;
    pieces.into_iter().find_map(|piece| match piece {
        Piece::Other(name, word) => Some(format!("{{{name}.{word}}}")),
        _ => None,
    })
}

/// Returns the name and the word of the first usual placeholder of another process, if there is one.
pub(crate) fn value_of_another(text: &str, is_other: IsOther<'_>) -> Option<(String, String)> {
    let pieces = Template::parse_with(text, Captured::Any, is_other).ok()?.pieces;
    pieces.into_iter().find_map(|piece| match piece {
        Piece::Other(name, word) if is_usual(&word) => Some((name, word)),
        _ => None,
    })
}

/// Returns true for a word that means little in texts for other programs.
fn is_usual(word: &str) -> bool {
    let kind = word.split(':').next().unwrap_or(word);
    ["port", "udp", "low_port", "dir", "addr", "url"].contains(&kind)
}

/// Returns what begins at a brace, and where it ends.
fn piece_at(
    text: &str,
    brace: usize,
    captured: Captured<'_>,
    is_other: IsOther<'_>,
) -> Result<(Piece, usize), Fault> {
    let rest = &text[brace..];
    let of_a_shell = text[..brace].ends_with('$');
    let is_of_other = |word: &str| word.split_once('.').is_some_and(|(name, _)| is_other(name));
    let other_before = |rest, end| name_before(rest, end).filter(|word| is_of_other(word));
    let word_before = |rest, end| word_before(rest, end).or_else(|| other_before(rest, end));
    if let Some(word) = rest.strip_prefix("{{").and_then(|rest| word_before(rest, "}}")) {
        return Ok((Piece::Literal(format!("{{{word}}}")), brace + word.len() + 4));
    }
    let Some(word) = word_before(&rest[1..], "}").filter(|_| !of_a_shell) else {
        return Ok((Piece::Literal("{".to_owned()), brace + 1));
    };
    let end = brace + word.len() + 2;
    if let Some((name, word)) = word.split_once('.').filter(|(name, _)| is_other(name)) {
        return Ok((Piece::Other(name.to_owned(), word.to_owned()), end));
    }
    match placeholder(word, captured) {
        Ok(piece) => Ok((piece, end)),
        Err(message) => Err(Fault { at: brace..end, message }),
    }
}

/// Returns the longest text at the beginning that could be a placeholder, if `end` follows.
fn name_before<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let (word, rest) = text.split_at(text.find(|c: char| c != ':' && !is_of_a_name(c))?);
    rest.starts_with(end).then_some(word)
}

/// Returns the word at the beginning of a text, `identifier` or `identifier:name`, if `end` follows.
fn word_before<'a>(text: &'a str, end: &str) -> Option<&'a str> {
    let word = name_before(text, end)?;
    let (identifier, name) = word.split_once(':').unwrap_or((word, "none"));
    let is_identifier = identifier.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && identifier.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_name = !name.is_empty() && name.chars().all(is_of_a_name);
    (is_identifier && is_name).then_some(word)
}

fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn placeholder(word: &str, captured: Captured<'_>) -> Result<Piece, String> {
    let groups = match captured {
        Captured::These(names) => names,
        Captured::Any => &[],
    };
    let port = |kind: &str, name: &str| {
        let (_, piece) = PORTS.iter().find(|(known, _)| *known == kind)?;
        Some(piece(name.to_owned()))
    };
    let ports = PORTS.iter().map(|(known, _)| *known);
    match word.split_once(':') {
        None if groups.iter().any(|name| name == word) => Ok(Piece::Captured(word.to_owned())),
        None if word == "dir" => Ok(Piece::Dir),
        None => match port(word, "") {
            Some(port) => Ok(port),
            None if matches!(captured, Captured::Any) => Ok(Piece::Captured(word.to_owned())),
            None => {
                let known = groups.iter().map(String::as_str).chain(ports).chain(["dir"]);
                Err(unknown(word, suggest::name(word, known).map(str::to_owned)))
            }
        },
        Some(("bin", name)) => Ok(Piece::Bin(name.to_owned())),
        Some((kind, name)) => match port(kind, name) {
            Some(port) => Ok(port),
            None => match suggest::name(kind, ports.chain(["bin"])) {
                Some(near) => Err(unknown(word, Some(format!("{near}:{name}")))),
                None => Ok(Piece::Literal(format!("{{{word}}}"))),
            },
        },
    }
}

fn unknown(word: &str, near: Option<String>) -> String {
    let known = match near {
        Some(near) => format!("did you mean `{{{near}}}`?"),
        None => "known are {port}, {port:name}, {udp}, {udp:name}, {low_port}, {low_port:name}, \
                 {dir}, {bin:name} and the names of groups in an output pattern;"
            .to_owned(),
    };
    format!("unknown placeholder `{{{word}}}`; {known} write `{{{{{word}}}}}` for the text itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Captured<'_> = Captured::These(&[]);

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.to_owned())
    }

    #[test]
    fn placeholders_are_told_from_literal_text() {
        let text =
            "a {port} {port:admin}{dir}/x {bin:my-server}{udp}{udp:dns}{low_port}{low_port:a}";
        let template = Template::parse(text, NONE).unwrap();
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
            Piece::LowPort(String::new()),
            Piece::LowPort("a".to_owned()),
        ];
        assert_eq!(template.pieces, expected);
    }

    #[test]
    fn what_is_captured_goes_before_what_is_known() {
        let names = ["port", "key"].map(str::to_owned);
        let template = Template::parse("{key}{port}{port:key}", Captured::These(&names)).unwrap();
        let expected = [
            Piece::Captured("key".to_owned()),
            Piece::Captured("port".to_owned()),
            Piece::Port("key".to_owned()),
        ];
        assert_eq!(template.pieces, expected);
    }

    #[test]
    fn a_placeholder_in_doubled_braces_is_literal() {
        for (text, meant) in [
            ("{{port}}", "{port}"),
            ("{{bin:x}} {{print}}", "{bin:x} {print}"),
            ("${{HOME}}", "${HOME}"),
        ] {
            assert_eq!(Template::parse(text, NONE).unwrap().pieces, [literal(meant)]);
        }
    }

    #[test]
    fn all_other_braces_are_literal() {
        for text in [
            r#"{"a":{"b":1}} {} { } {{ }} }} { }{ {{"#,
            "http { server { listen 80; } }",
            "echo ${HOME} ${port} ${x:-{}} {1..3} {a,b} $(f() { g; })",
            "{{.Names}} {{ name }} {port: 80} {port:} {port:a b} {é} {é:1} {dir.x} {a:b} {x",
        ] {
            assert_eq!(Template::parse(text, NONE).unwrap().pieces, [literal(text)], "{text}");
        }
    }

    #[test]
    fn an_unknown_placeholder_is_refused_where_it_stands() {
        for (text, at, near) in [
            ("x {prot} y", 2..8, "`{port}`?"),
            ("{prot:a}", 0..8, "`{port:a}`?"),
            ("{bni:x}", 0..7, "`{bin:x}`"),
            ("{print}", 0..7, "known are"),
            ("{key}", 0..5, "known are"),
            ("é{x}", 2..5, "known are"),
            ("{{a{b}}", 3..6, "known are"),
        ] {
            let fault = Template::parse(text, NONE).unwrap_err();
            assert_eq!(fault.at, at, "{text}");
            assert!(fault.message.contains(near), "{}", fault.message);
            let doubled = format!("`{{{}}}`", &text[at]);
            assert!(fault.message.contains(&doubled), "{}", fault.message);
        }
    }

    #[test]
    fn the_names_of_groups_are_suggested() {
        let names = ["host".to_owned()];
        let fault = Template::parse("{hots}", Captured::These(&names)).unwrap_err();
        assert!(fault.message.contains("did you mean `{host}`?"), "{}", fault.message);
        let pieces = Template::parse("{hots}{port}", Captured::Any).unwrap().pieces;
        assert_eq!(pieces, [Piece::Captured("hots".to_owned()), Piece::Port(String::new())]);
    }

    #[test]
    fn a_dot_is_special_only_behind_the_name_of_another_process() {
        let is_other = |name: &str| name == "db" || name == "node-2";
        let parse = |text| Template::parse_with(text, NONE, &is_other).unwrap().pieces;
        let other = |name: &str, word: &str| Piece::Other(name.to_owned(), word.to_owned());
        assert_eq!(
            parse("{db.port}{node-2.port:peer} {db.}"),
            [other("db", "port"), other("node-2", "port:peer"), literal(" "), other("db", "")]
        );
        for (text, meant) in [
            (
                "{http.request.uri} ${db.port} {{http.port}}",
                "{http.request.uri} ${db.port} {{http.port}}",
            ),
            ("{db:x} {db.a b} {db.port", "{db:x} {db.a b} {db.port"),
            ("{{db.port}}", "{db.port}"),
        ] {
            assert_eq!(parse(text), [literal(meant)], "{text}");
        }
    }

    #[test]
    fn rendering_asks_for_each_placeholder() {
        let template = Template::parse("{h:{port}/{{x}}{dir}}}", NONE).unwrap();
        let text = template.render(|piece| {
            Ok::<_, ()>(match piece {
                Piece::Port(_) => "80".to_owned(),
                _ => "/tmp/{d}".to_owned(),
            })
        });
        assert_eq!(text.unwrap(), "{h:80/{x}/tmp/{d}}}");
    }
}
