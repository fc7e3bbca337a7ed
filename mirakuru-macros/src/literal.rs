use crate::key;
use crate::syntax::address::{Address, Place, Port, Url};
use crate::syntax::suggest;
use crate::syntax::template::{Piece, Template};

type Checked<T = ()> = Result<T, String>;

pub(crate) const SIGNALS: &[&str] = &[
    "HUP", "INT", "QUIT", "ABRT", "KILL", "SEGV", "USR1", "USR2", "PIPE", "ALRM", "TERM", "CHLD",
    "CONT", "STOP", "TSTP", "WINCH", "BUS", "FPE", "ILL", "TRAP",
];

/// The placeholders to which the process itself gives a value.
#[derive(Default)]
pub(crate) struct Captured {
    pub(crate) names: Vec<String>,
    /// Whether there may be more, which are known at run time only.
    pub(crate) and_others: bool,
}

impl Captured {
    fn has(&self, name: &str) -> bool {
        let is_group = |c: char| c.is_alphanumeric() || c == '_';
        let may_be = self.and_others && name.starts_with(char::is_alphabetic);
        self.names.iter().any(|known| known == name) || (may_be && name.chars().all(is_group))
    }
}

/// A text that is needed before the process has told anything.
pub(crate) fn template(text: &str) -> Checked {
    late_template(text, &Captured::default())
}

pub(crate) fn late_template(text: &str, captured: &Captured) -> Checked {
    let parsed = Template::parse(text, &|name| captured.has(name));
    parsed.map(drop).map_err(|fault| fault.message)
}

/// Refuses what the process tells too late for a text that is needed before it starts.
pub(crate) fn is_early(text: &str, captured: &Captured) -> Checked {
    let known = |name: &str| captured.names.iter().any(|known| known == name);
    let pieces = Template::parse(text, &known).map(|template| template.pieces).unwrap_or_default();
    let told = pieces.into_iter().find_map(|piece| match piece {
        Piece::Captured(name) => Some(name),
        _ => None,
    });
    match told {
        Some(name) => Err(format!(
            "`{{{name}}}` is what the process tells when it has started; its command, environment \
             and folder cannot have it"
        )),
        None => Ok(()),
    }
}

/// The names of the groups of an output pattern.
pub(crate) fn groups(pattern: &str) -> Vec<String> {
    let pattern = regex_lite::Regex::new(pattern).ok();
    let names = pattern.iter().flat_map(|pattern| pattern.capture_names().flatten());
    names.map(str::to_owned).collect()
}

/// Whether the port of an address is left to the process.
pub(crate) fn has_any_port(text: &str) -> bool {
    Address::parse(text).is_ok_and(|address| address.port == Port::Any)
}

/// Whether the port of a URL is left to the process.
pub(crate) fn asks_any_port(text: &str) -> bool {
    let is_any = |place| matches!(place, Place::Tcp { address, .. } if address.port == Port::Any);
    Url::parse(text).is_ok_and(|url| is_any(url.place))
}

pub(crate) fn command(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    match shlex::split(text) {
        None => Err("a quote is not closed, or a backslash stands at the end".to_owned()),
        Some(words) if words.first().is_none_or(String::is_empty) => {
            Err("empty command; name the program to run".to_owned())
        }
        Some(_) => Ok(()),
    }
}

pub(crate) fn script(text: &str) -> Checked {
    if text.trim().is_empty() {
        return Err("empty script; name the program to run".to_owned());
    }
    template(text)
}

pub(crate) fn program(text: &str) -> Checked {
    template(&format!("{{bin:{text}}}"))
        .map_err(|_| format!("`{text}` is not the name of a binary, as in `[[bin]]`"))
}

pub(crate) fn address(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    Address::parse(text).map(drop)
}

/// An address that is listened on before the process starts.
pub(crate) fn listening_address(text: &str) -> Checked {
    template(text)?;
    match Address::parse(text)?.port {
        Port::Any => Err("nobody could know which port that is; write `{port}`".to_owned()),
        _ => Ok(()),
    }
}

pub(crate) fn url(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    Url::parse(text).map(drop)
}

pub(crate) fn path(text: &str) -> Checked {
    if text.is_empty() {
        return Err("empty path".to_owned());
    }
    template(text)
}

pub(crate) fn late_path(text: &str, captured: &Captured) -> Checked {
    if text.is_empty() {
        return Err("empty path".to_owned());
    }
    late_template(text, captured)
}

pub(crate) fn output(text: &str) -> Checked {
    pattern(text)?;
    match groups(text).into_iter().find(|name| ["dir", "udp"].contains(&name.as_str())) {
        Some(name) => Err(format!("a group cannot be called `{name}`: `{{{name}}}` is taken")),
        None => Ok(()),
    }
}

pub(crate) fn pattern(text: &str) -> Checked {
    if text.is_empty() {
        return Err("an empty pattern matches everything".to_owned());
    }
    regex_lite::Regex::new(text)
        .map(drop)
        .map_err(|error| format!("not a regular expression: {error}"))
}

pub(crate) fn status_code(code: u16) -> Checked {
    if (100..=599).contains(&code) {
        return Ok(());
    }
    Err(format!("{code} is not an HTTP status; they go from 100 to 599"))
}

pub(crate) fn method(text: &str) -> Checked {
    if is_token(text) {
        return Ok(());
    }
    Err(format!("`{text}` is not an HTTP method; they are written as `GET` or `POST`"))
}

pub(crate) fn header_name(text: &str) -> Checked {
    if is_token(text) {
        return Ok(());
    }
    Err(format!("`{text}` is not the name of a header; it is one word, without the colon"))
}

pub(crate) fn header_value(text: &str) -> Checked {
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err("the value of a header is one line".to_owned());
    }
    Ok(())
}

// The `token` of RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

pub(crate) fn variable(text: &str) -> Checked {
    if text.is_empty() || text.contains(['=', '\0']) {
        return Err(format!("`{}` is not the name of a variable", text.escape_debug()));
    }
    Ok(())
}

pub(crate) fn name(text: &str) -> Checked {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err("a name is one line, and not empty".to_owned());
    }
    Ok(())
}

pub(crate) fn signal(text: &str) -> Checked<&'static str> {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    if let Some(known) = SIGNALS.iter().find(|known| **known == name) {
        return Ok(known);
    }
    let upper = text.to_uppercase();
    let upper = upper.strip_prefix("SIG").unwrap_or(&upper);
    Err(match suggest::name(upper, SIGNALS.iter().copied()) {
        Some(near) => format!("unknown signal `{text}`; did you mean `{near}`?"),
        None => {
            let known = key::alternatives(SIGNALS.iter().copied(), "and");
            format!("unknown signal `{text}`; known are {known}, and any by `Signal::new(number)`")
        }
    })
}

pub(crate) fn scope(text: &str) -> Checked<&'static str> {
    match text {
        "binary" => Ok("Binary"),
        "session" => Ok("Session"),
        _ => Err(format!("unknown scope `{text}`; known are `binary` and `session`")),
    }
}

pub(crate) fn stream(text: &str) -> Checked<&'static str> {
    match text {
        "stdout" => Ok("Stdout"),
        "stderr" => Ok("Stderr"),
        _ => Err(format!("unknown stream `{text}`; known are `stdout` and `stderr`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_pattern_that_could_not_be_used_says_why() {
        for (text, why) in [
            ("", "matches everything"),
            ("(", "not a regular expression"),
            ("in (?<dir>.*)", "cannot be called `dir`"),
        ] {
            let fault = output(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
        assert_eq!(output("on (?<port>.*)"), Ok(()));
    }

    #[test]
    fn a_signal_may_have_its_prefix() {
        assert_eq!(signal("INT"), Ok("INT"));
        assert_eq!(signal("SIGUSR1"), Ok("USR1"));
    }

    #[test]
    fn an_unknown_signal_finds_its_neighbour() {
        for (text, meant) in [("int", "INT"), ("sigterm", "TERM"), ("SIGTREM", "TERM")] {
            assert!(signal(text).unwrap_err().contains(&format!("mean `{meant}`")), "{text}");
        }
        assert!(signal("STOPPED").unwrap_err().contains("known are `HUP`, "));
    }

    #[test]
    fn a_command_is_words_with_closed_quotes() {
        for text in ["redis-server", "sh -c 'a b'", r"a\ b", "x --port {port}"] {
            assert_eq!(command(text, &Captured::default()), Ok(()), "{text}");
        }
        for text in ["sh -c 'a b", "a \"", "a \\", "", "  ", "# note", "''", "x {prot}"] {
            assert!(command(text, &Captured::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_the_process_tells_is_known_where_it_is_late() {
        let names = groups(r"on (?<host>\S+):(?P<port>\d+)");
        assert_eq!(names, ["host", "port"]);
        let captured = Captured { names, and_others: false };
        assert_eq!(url("http://{host}:{port}/", &captured), Ok(()));
        assert!(url("http://{hots}:{port}/", &captured).is_err());
        let captured = Captured { names: Vec::new(), and_others: true };
        assert_eq!(address("{host}:80", &captured), Ok(()));
        assert!(address("{port:}:80", &captured).is_err());
    }

    #[test]
    fn a_method_and_a_header_are_one_word() {
        assert_eq!(method("M-SEARCH"), Ok(()));
        assert!(method("GET /").is_err());
        assert!(header_name("Accept:").is_err());
        assert!(header_value("a\r\nb").is_err());
    }
}
