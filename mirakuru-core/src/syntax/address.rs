//! The two ways to say where a server listens: `host:port` and a URL.
//!
//! Pure text, shared with the macros crate. A port may still be a placeholder when a literal is
//! checked at compile time; at run time it never is.

use std::fmt;

use super::template;

/// `host:port`. An IPv6 host stands in square brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Without the brackets.
    pub(crate) host: String,
    pub(crate) port: Port,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Number(u16),
    /// Written 0: whichever the server has chosen.
    Any,
    Placeholder,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // A placeholder may hold a colon of its own.
        let last = text.rfind('{').filter(|_| text.ends_with('}')).unwrap_or(text.len());
        let Some(colon) = text[..last].rfind(':') else {
            check_host(text)?;
            return Err(format!("`{text}` has no port; write `host:port`"));
        };
        let (host, port) = (&text[..colon], &text[colon + 1..]);
        Ok(Self { host: parse_host(host, text)?, port: parse_port(port, text)? })
    }

    /// Parses an address to listen on, which names its port.
    pub(crate) fn parse_listening(text: &str) -> Result<Self, String> {
        match Self::parse(text)? {
            Self { port: Port::Any, .. } => Err(format!(
                "`{text}`: clients could not find out which port that is; write `{{port}}`"
            )),
            address => Ok(address),
        }
    }

    /// Parses the address of a server that runs already.
    pub(crate) fn parse_running(text: &str) -> Result<Self, String> {
        match Self::parse(text) {
            Ok(address) if matches!(address.port, Port::Number(_)) => Ok(address),
            _ => Err(format!("`{text}` is not an address; write `host:port`, as `localhost:5432`")),
        }
    }

    /// Parses an address for UDP, which names its port.
    pub(crate) fn parse_udp(text: &str) -> Result<Self, String> {
        match Self::parse(text)? {
            Self { port: Port::Any, .. } => Err(format!(
                "`{text}`: a UDP port that the process chooses is not found; write `{{udp}}`"
            )),
            address => Ok(address),
        }
    }

    /// Returns true for `localhost` and the names below it, which always mean this machine; RFC 6761,
    /// section 6.3. A full stop at the end makes no difference.
    pub(crate) fn is_localhost(&self) -> bool {
        let name = self.host.strip_suffix('.').unwrap_or(&self.host).to_ascii_lowercase();
        name == "localhost" || name.ends_with(".localhost")
    }

    pub(crate) fn number(&self) -> u16 {
        match self.port {
            Port::Number(number) => number,
            Port::Any => 0,
            Port::Placeholder => unreachable!("an address is rendered before it is used"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.number()) {
            (v6, port) if v6.contains(':') => write!(f, "[{v6}]:{port}"),
            (host, port) => write!(f, "{host}:{port}"),
        }
    }
}

/// Fails if what stands in place of an address or a host is a port: its number, or one of its placeholders.
fn check_host(text: &str) -> Result<(), String> {
    let is_placeholder = ["{port", "{udp", "{low_port"]
        .iter()
        .any(|start| text.strip_prefix(start).is_some_and(|rest| rest.starts_with([':', '}'])));
    match is_placeholder || text.parse::<u16>().is_ok() {
        true => Err(format!("`{text}` has no host; write `127.0.0.1:{text}`")),
        false => Ok(()),
    }
}

fn parse_host(host: &str, text: &str) -> Result<String, String> {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let plain = bracketed.unwrap_or(host);
    if plain.is_empty() {
        return Err(format!("`{text}` has no host; write `127.0.0.1:port` or `localhost:port`"));
    }
    if bracketed.is_some() && plain.parse::<std::net::Ipv6Addr>().is_err() {
        return Err(format!("`{plain}` in `{text}` is not an IPv6 address"));
    }
    if bracketed.is_none() && plain.contains(':') {
        return Err(format!("`{text}`: an IPv6 host stands in brackets, `[::1]:port`"));
    }
    if plain.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@' | '[' | ']')) {
        return Err(format!("`{plain}` in `{text}` is not a host name"));
    }
    Ok(plain.to_owned())
}

fn parse_port(port: &str, text: &str) -> Result<Port, String> {
    if port.starts_with('{') && port.ends_with('}') {
        return Ok(Port::Placeholder);
    }
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(0) if digits => Ok(Port::Any),
        Ok(number) if digits => Ok(Port::Number(number)),
        _ => Err(format!("`{port}` in `{text}` is not a port (1 to 65535, or `{{port}}`)")),
    }
}

/// Where bytes are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Tcp(Address),
    Udp(Address),
    /// The path or the abstract name of a Unix socket.
    Unix(String),
}

impl Target {
    const UDP: &'static str = "udp://";
    const TCP: &'static str = "tcp://";

    /// Parses `host:port`, `tcp://host:port`, `udp://host:port`, a path with a slash, or `@name`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix(Self::UDP) {
            return Address::parse_udp(address).map(Self::Udp);
        }
        if let Some(address) = text.strip_prefix(Self::TCP) {
            return Address::parse(address).map(Self::Tcp);
        }
        match text.starts_with('@') || text.contains('/') {
            true => Ok(Self::Unix(text.to_owned())),
            false => Address::parse(text).map(Self::Tcp),
        }
    }

    /// Returns a text with placeholders in which the protocol of `{udp}` is written.
    pub(crate) fn with_scheme(text: &str) -> Result<String, String> {
        let is_path = matches!(Self::parse(text), Ok(Self::Unix(_)));
        let has_udp = template::udp_of(text).is_some();
        match has_udp && !is_path && !text.starts_with(Self::UDP) {
            true if text.starts_with(Self::TCP) => {
                template::check_tcp(text).map(|()| text.to_owned())
            }
            true => Ok(format!("{}{text}", Self::UDP)),
            false => Ok(text.to_owned()),
        }
    }
}

/// An `http://` or `https://` URL, as far as a request needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) place: Place,
    /// Path and query; never empty, never with a fragment.
    pub(crate) target: String,
}

/// Where a URL is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp {
        https: bool,
        address: Address,
    },
    /// The path of a Unix socket.
    Unix(String),
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (https, rest) = if let Some(rest) = text.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (true, rest)
        } else {
            return Err(format!("`{text}` is not a URL that starts with http:// or https://"));
        };
        let (place, target) = match rest.strip_prefix("unix:") {
            Some(_) if https => {
                return Err(format!("`{text}`: a Unix socket is asked by http://unix:PATH:/"));
            }
            Some(rest) => parse_unix(rest, text)?,
            None => parse_tcp(https, rest, text)?,
        };
        Ok(Self { place, target: request_target(target, text)? })
    }
}

fn parse_tcp<'a>(https: bool, rest: &'a str, text: &str) -> Result<(Place, &'a str), String> {
    let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(format!("`{text}`: give credentials by a header, not in the URL"));
    }
    let address = with_default_port(authority, https, text)?;
    Ok((Place::Tcp { https, address }, target))
}

/// `PATH:/target`. The query may hold a URL of its own, so it is not searched for the colon.
fn parse_unix<'a>(rest: &'a str, text: &str) -> Result<(Place, &'a str), String> {
    let before_query = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    let (path, target) = match before_query.rfind(":/") {
        Some(colon) => (&rest[..colon], &rest[colon + 1..]),
        None if before_query != rest => {
            return Err(format!("`{text}`: between the path of a socket and a query stands `:/`"));
        }
        None => (rest, ""),
    };
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(format!(
            "`{path}` in `{text}` is not the path of a socket; write `http://unix:PATH:/`"
        ));
    }
    Ok((Place::Unix(path.to_owned()), target))
}

fn with_default_port(authority: &str, https: bool, text: &str) -> Result<Address, String> {
    let end_of_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    if authority[end_of_host..].contains(':') {
        return Address::parse(authority);
    }
    check_host(authority)?;
    let port = Port::Number(if https { 443 } else { 80 });
    Ok(Address { host: parse_host(authority, text)?, port })
}

fn request_target(target: &str, text: &str) -> Result<String, String> {
    let target = target.split('#').next().unwrap_or_default();
    if target.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(format!("`{text}`: white space in a URL is written %20"));
    }
    Ok(if target.starts_with('/') { target.to_owned() } else { format!("/{target}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str, port: Port) -> Address {
        Address { host: host.to_owned(), port }
    }

    #[test]
    fn host_and_port_are_told_apart() {
        for (text, expected) in [
            ("127.0.0.1:80", address("127.0.0.1", Port::Number(80))),
            ("localhost:{port}", address("localhost", Port::Placeholder)),
            ("[::1]:{port:admin}", address("::1", Port::Placeholder)),
            ("127.0.0.1:0", address("127.0.0.1", Port::Any)),
            ("{host}:80", address("{host}", Port::Number(80))),
        ] {
            assert_eq!(Address::parse(text).unwrap(), expected);
        }
    }

    #[test]
    fn names_below_localhost_are_this_machine() {
        let is_localhost = |host: &str| address(host, Port::Any).is_localhost();
        for host in ["localhost", "LocalHost", "localhost.", "app.localhost", "a.b.localhost."] {
            assert!(is_localhost(host), "{host}");
        }
        for host in ["localhost..", "notlocalhost", "localhost.example", "127.0.0.1", "::1", "."] {
            assert!(!is_localhost(host), "{host}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "localhost", ":80", "h:", "h:x", "h:+80", "h:65536", "::1:80", "[x]:80", "a b:1"]
        {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_port_alone_lacks_a_host() {
        for port in ["{port}", "{port:admin}", "{udp}", "{udp:dns}", "{low_port}", "6379"] {
            let expected = format!("`{port}` has no host; write `127.0.0.1:{port}`");
            for error in [
                Address::parse(port).unwrap_err(),
                Address::parse_udp(port).unwrap_err(),
                Target::parse(&format!("udp://{port}")).unwrap_err(),
                Url::parse(&format!("http://{port}/health")).unwrap_err(),
            ] {
                assert_eq!(error, expected);
            }
        }
        for text in ["{host}", "{portal}", "127.0.0.1", "65536"] {
            let expected = format!("`{text}` has no port; write `host:port`");
            assert_eq!(Address::parse(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn a_target_is_a_port_or_a_socket() {
        for (text, expected) in [
            ("h:1", Target::Tcp(address("h", Port::Number(1)))),
            ("tcp://h:1", Target::Tcp(address("h", Port::Number(1)))),
            ("udp://h:1", Target::Udp(address("h", Port::Number(1)))),
            ("h:{udp}", Target::Udp(address("h", Port::Placeholder))),
            ("udp://[::1]:{udp:dns}", Target::Udp(address("::1", Port::Placeholder))),
            ("{dir}/a:1", Target::Unix("{dir}/a:1".to_owned())),
            ("{dir}/{udp}", Target::Unix("{dir}/{udp}".to_owned())),
            ("@a:1", Target::Unix("@a:1".to_owned())),
        ] {
            let parsed = Target::with_scheme(text).and_then(|text| Target::parse(&text));
            assert_eq!(parsed, Ok(expected), "{text}");
        }
        for text in ["", "socket", "udp://h:0", "udp://h", "tcp://h:{udp}", "tcp:///run/s"] {
            let parsed = Target::with_scheme(text).and_then(|text| Target::parse(&text));
            assert!(parsed.is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_keeps_its_query_and_drops_its_fragment() {
        for (text, target, port) in [
            ("http://h:1/a;b?c=d#e", "/a;b?c=d", Port::Number(1)),
            ("http://h?q=1", "/?q=1", Port::Number(80)),
            ("http://h", "/", Port::Number(80)),
            ("https://h", "/", Port::Number(443)),
            ("http://[::1]:{port}/x", "/x", Port::Placeholder),
        ] {
            let url = Url::parse(text).unwrap();
            let Place::Tcp { address, .. } = url.place else { panic!("{text}") };
            assert_eq!((url.target.as_str(), address.port), (target, port), "{text}");
        }
    }

    #[test]
    fn the_path_of_a_unix_socket_ends_at_the_last_colon_before_a_slash() {
        for (text, path, target) in [
            ("http://unix:{dir}/s.sock:/health", "{dir}/s.sock", "/health"),
            ("http://unix:/run/a:b.sock:/", "/run/a:b.sock", "/"),
            ("http://unix:/a:/b.sock:/c", "/a:/b.sock", "/c"),
            ("http://unix:s.sock", "s.sock", "/"),
            ("http://unix:/run/my sock", "/run/my sock", "/"),
            ("http://unix:s:/?next=http://h:/#part", "s", "/?next=http://h:/"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.place, Place::Unix(path.to_owned()), "{text}");
            assert_eq!(url.target, target, "{text}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "",
            "h:80",
            "ftp://h/",
            "http://",
            "http:///x",
            "http://u:p@h/",
            "http://h/a b",
            "unix:/run/s.sock",
            "https://unix:/run/s.sock",
            "http://unix:",
            "http://unix::/",
            "http://unix:/run/",
            "http://unix:/run/:/x",
            "http://unix:/run/s.sock:/a b",
            "http://unix:/run/s.sock?q=1",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
