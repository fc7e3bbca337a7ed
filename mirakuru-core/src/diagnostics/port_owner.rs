//! Who has an address, for messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::sys::{self, Listener};

/// A process, with its command.
pub(crate) fn describe(pid: i32) -> String {
    match sys::command_line(pid).filter(|command| !command.is_empty()) {
        Some(command) => format!("pid {pid} (`{command}`)"),
        None => format!("pid {pid}"),
    }
}

/// Who has the socket with this inode.
pub(crate) fn of_socket(inode: Option<u64>) -> String {
    match inode.and_then(sys::holder_of_socket) {
        Some(pid) => describe(pid),
        None => "a process that this user must not look at".to_owned(),
    }
}

pub(crate) fn is_below(pid: i32, ancestor: i32) -> bool {
    std::iter::successors(Some(pid), |pid| sys::parent_of(*pid)).any(|pid| pid == ancestor)
}

/// What to do for a server that could not have its address: who listens at a port that one of the
/// texts names, and is not below its `supervisor`, if it has one yet.
pub(crate) fn help<T: AsRef<str>>(texts: &[T], supervisor: Option<i32>) -> String {
    let is_its_own = |pid| supervisor.is_some_and(|supervisor| is_below(pid, supervisor));
    let mut ports: Vec<_> = texts.iter().flat_map(|text| ports_in(text.as_ref())).collect();
    // What is surely a port comes before what may be another number.
    ports.sort_by_key(|(is_sure, _)| !is_sure);
    let addresses = ports.iter().flat_map(|(_, port)| {
        [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .map(|ip| SocketAddr::new(ip, *port))
    });
    let own = "or let this process have a port of its own by {port}";
    for address in addresses {
        match sys::listener(address) {
            Listener::Nobody => {}
            Listener::Unknown => {
                return format!("`lsof -nP -iTCP -sTCP:LISTEN` shows who listens where; {own}");
            }
            Listener::Socket(inode) => match sys::holder_of_socket(inode) {
                Some(pid) if is_its_own(pid) => {}
                Some(pid) => return format!("{address} is listened on by {}, {own}", named(pid)),
                None => return of_another_user(address, own),
            },
        }
    }
    if ports.is_empty() {
        return format!("`ss -ltnp` shows who listens where; {own}");
    }
    format!("nobody listens there now; `ss -tanp` shows who has which port; {own}")
}

/// A process that has what another one wants, and whether these tests have started it.
fn named(pid: i32) -> String {
    let (who, tests) = (describe(pid), std::process::id() as i32);
    match pid == tests {
        true => format!("{who}, this test process itself: close it"),
        false if is_below(pid, tests) => format!("{who}, which these tests have started: share it"),
        false => format!("{who}, which was not started here: stop it"),
    }
}

fn of_another_user(address: SocketAddr, own: &str) -> String {
    let port = address.port();
    format!(
        "{address} is listened on by {}; `sudo ss -ltnp 'sport = :{port}'` shows it; {own}",
        of_socket(None)
    )
}

/// The numbers in a text that may be a port, and whether they are surely one.
fn ports_in(text: &str) -> Vec<(bool, u16)> {
    let mut ports = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(|c: char| c.is_ascii_digit()) {
        let begin = at + offset;
        let digits = text[begin..].find(|c: char| !c.is_ascii_digit());
        at = digits.map_or(text.len(), |length| begin + length);
        let port = text[begin..at].parse().ok().filter(|port| *port != 0);
        let is_sure = port.and_then(|_| is_port(&text[..begin], &text[at..]));
        ports.extend(is_sure.zip(port));
    }
    ports
}

/// Whether the number between two texts is surely a port, or may be one.
fn is_port(before: &str, after: &str) -> Option<bool> {
    let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ']'))
        || after.starts_with(['.', ':', '-'])
            && after[1..].starts_with(|c: char| c.is_ascii_digit());
    let named = before.trim_end_matches([' ', '=', ':', '#', '"', '\'']).to_ascii_lowercase();
    if goes_on || named.ends_with("error") || named.ends_with("errno") {
        return None;
    }
    if named.ends_with("port") || before.ends_with("-p") {
        return Some(true);
    }
    if let Some(before) = before.strip_suffix(':') {
        let host = before.rsplit([' ', '"', '\'', '(', '=', '/']).next().unwrap_or_default();
        // In `10:15:30`, nothing is a port.
        let is_time = host.starts_with(|c: char| c.is_ascii_digit())
            && host.chars().all(|c| c.is_ascii_digit() || c == ':');
        return (!is_time).then_some(true);
    }
    let stands_alone = before.is_empty() || before.ends_with(['=', ' ', '\t']);
    (stands_alone && !after.starts_with('/')).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_from_other_numbers() {
        for (text, sure, perhaps) in [
            (
                "# Could not create listening socket *:6379: bind: Address already in use",
                &[6379][..],
                &[][..],
            ),
            ("bind() to 0.0.0.0:80 failed (98: Address already in use)", &[80], &[]),
            ("listen EADDRINUSE: address already in use :::3000", &[3000], &[]),
            ("[::1]:8080: Address already in use (os error 98)", &[8080], &[]),
            ("failed to listen on TCP port 11211: Address already in use", &[11211], &[]),
            ("2024-05-01 10:15:30.123 Address already in use", &[], &[]),
            ("2024/05/01 10:15:30 address already in use", &[], &[]),
            ("http://127.0.0.1:8000/1", &[8000], &[]),
            ("--port=7000", &[7000], &[]),
            ("-p5432", &[5432], &[]),
            ("--threads=4", &[], &[4]),
            ("5000", &[], &[5000]),
            ("0 65536 99999999999 v1.2 x86_64 10s", &[], &[]),
        ] {
            let ports = ports_in(text);
            let of = |wanted: bool| -> Vec<u16> {
                ports.iter().filter(|(sure, _)| *sure == wanted).map(|(_, port)| *port).collect()
            };
            assert_eq!((&of(true)[..], &of(false)[..]), (sure, perhaps), "{text}");
        }
    }
}
