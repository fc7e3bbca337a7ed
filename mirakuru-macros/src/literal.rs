use crate::syntax::address::{Address, Place, Port, Target, Url};
use crate::syntax::template::{self, Captured as Names, Piece, Template};
use crate::syntax::{command, file_path, http, pattern};

type Checked<T = ()> = Result<T, String>;

/// The placeholders whose values come from the process itself.
#[derive(Default)]
pub(crate) struct Captured {
    pub(crate) names: Vec<String>,
    /// There may be more names, which are known at run time only.
    pub(crate) and_others: bool,
}

/// Checks a text that is needed before the process has started.
pub(crate) fn template(text: &str) -> Checked {
    late_template(text, &Captured::default())
}

pub(crate) fn late_template(text: &str, captured: &Captured) -> Checked {
    let names = if captured.and_others { Names::Any } else { Names::These(&captured.names) };
    Template::parse(text, names).map(drop).map_err(|fault| fault.message)
}

/// Fails if a text that is needed before the start uses a captured value.
pub(crate) fn is_early(text: &str, captured: &Captured) -> Checked {
    let names = Names::These(&captured.names);
    let pieces = Template::parse(text, names).map(|template| template.pieces).unwrap_or_default();
    let captured = pieces.into_iter().find_map(|piece| match piece {
        Piece::Captured(name) => Some(name),
        _ => None,
    });
    match captured {
        Some(name) => Err(format!(
            "the value of `{{{name}}}` comes from the process itself, after its start; its command, \
             environment and working directory cannot use it"
        )),
        None => Ok(()),
    }
}

/// Returns true if the process chooses the port of an address.
pub(crate) fn has_any_port(text: &str) -> bool {
    Address::parse(text).is_ok_and(|address| address.port == Port::Any)
}

/// Returns true if the process chooses the port of a URL.
pub(crate) fn asks_any_port(text: &str) -> bool {
    let is_any = |place| matches!(place, Place::Tcp { address, .. } if address.port == Port::Any);
    Url::parse(text).is_ok_and(|url| is_any(url.place))
}

pub(crate) fn command(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    let words = command::split(text)?;
    command::check_program(words.first().map(String::as_bytes))
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
    template::check_tcp(text)?;
    Address::parse(text).map(drop)
}

pub(crate) fn udp_address(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    Address::parse_udp(text).map(drop)
}

/// Checks the address of a server that runs already.
pub(crate) fn running_address(text: &str) -> Checked {
    Address::parse_running(text).map(drop)
}

/// Checks where the bytes of a reply are sent.
pub(crate) fn target(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    Target::parse(&Target::with_scheme(text)?).map(drop)
}

/// Returns true if the process chooses the port to which the bytes of a reply are sent.
pub(crate) fn sends_to_any_port(text: &str) -> bool {
    matches!(Target::parse(text), Ok(Target::Tcp(address)) if address.port == Port::Any)
}

/// Checks the path of a file that is written before the process starts.
pub(crate) fn file_path(text: &str) -> Checked {
    template(text)?;
    file_path::check(text)
}

/// Checks an address that is listened on before the process starts.
pub(crate) fn listening_address(text: &str) -> Checked {
    template(text)?;
    Address::parse_listening(text).map(drop)
}

pub(crate) fn url(text: &str, captured: &Captured) -> Checked {
    late_template(text, captured)?;
    template::check_tcp(text)?;
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
    pattern::check_groups(&pattern::groups(text))
}

pub(crate) fn pattern(text: &str) -> Checked {
    pattern::compile(text).map(drop)
}

pub(crate) fn status(text: &str) -> Checked {
    http::status_pattern(text).map(drop)
}

pub(crate) fn variable(text: &str) -> Checked {
    command::check_variable(text.as_bytes())
}

pub(crate) fn name(text: &str) -> Checked {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err("a name is one line, and not empty".to_owned());
    }
    Ok(())
}

pub(crate) fn scope(text: &str) -> Checked<&'static str> {
    match text {
        "binary" => Ok("Binary"),
        "session" => Ok("Session"),
        _ => Err(format!("unknown scope `{text}`; known are `binary` and `session`")),
    }
}

pub(crate) fn owner(text: &str) -> Checked<&'static str> {
    match text {
        "tree" => Ok("Tree"),
        "any" => Ok("Any"),
        _ => Err(format!("unknown owner `{text}`; known are `tree` and `any`")),
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
        let names = pattern::groups(r"on (?<host>\S+):(?P<port>\d+)");
        assert_eq!(names, ["host", "port"]);
        let captured = Captured { names, and_others: false };
        assert_eq!(url("http://{host}:{port}/", &captured), Ok(()));
        assert!(url("http://{hots}:{port}/", &captured).is_err());
        let captured = Captured { names: Vec::new(), and_others: true };
        assert_eq!(address("{host}:80", &captured), Ok(()));
        assert!(address("{prot:a}:80", &captured).is_err());
    }
}
