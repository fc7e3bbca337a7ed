//! Which process has an address, for messages.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::unistd::{Uid, User};

use super::other_server::OtherServer;
use crate::sys::{self, Listener};

/// The number of characters of a foreign command that are shown after its program.
const ARGS_MAX: usize = 80;

/// Describes a process by its id and command.
pub(crate) fn describe(pid: i32) -> String {
    match command(pid) {
        Some(command) => format!("pid {pid} (`{command}`)"),
        None => format!("pid {pid}"),
    }
}

/// Returns the command of a process in one line: its program, and the first 80 characters of its arguments.
pub(crate) fn command(pid: i32) -> Option<String> {
    sys::command_line(pid).filter(|command| !command.is_empty()).map(|it| shortened(&it))
}

/// Escapes control characters, and cuts the arguments. Those may be a whole script.
fn shortened(command: &str) -> String {
    let (program, args) = command.split_at(command.find(' ').unwrap_or(command.len()));
    let mut shown = String::new();
    for c in program.chars().chain(args.chars().take(ARGS_MAX)) {
        match c.is_control() {
            true => shown.extend(c.escape_debug()),
            false => shown.push(c),
        }
    }
    if args.chars().nth(ARGS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Says that a process cannot be signalled, and whose it is.
pub(crate) fn refusal(pid: i32) -> String {
    let user = sys::user_of(pid).map(|user| sys::user_name(user).unwrap_or(user.to_string()));
    let user = user.map_or("another user".to_owned(), |user| format!("the user `{user}`"));
    format!("{} belongs to {user} and cannot be signalled", describe(pid))
}

/// Describes the process that has a socket, if it was found.
pub(crate) fn of_socket(pid: Option<i32>) -> String {
    pid.map_or("a process that this user cannot inspect".to_owned(), describe)
}

/// Describes a process of which only its user is known.
pub(crate) fn of_user(user: u32) -> String {
    let name = User::from_uid(Uid::from_raw(user)).ok().flatten().map(|user| user.name);
    let name = name.unwrap_or_else(|| user.to_string());
    format!("one of user `{name}` that this user cannot inspect")
}

const USE_PLACEHOLDER: &str = "or let this process have a port of its own by {port}";

/// Says what to do for a server that could not bind an address: which process listens on one of
/// `named`, the addresses that its executor names. Processes below its `supervisor` do not count.
pub(crate) fn help(named: &[SocketAddr], supervisor: Option<i32>) -> String {
    let is_its_own = |pid| supervisor.is_some_and(|supervisor| sys::is_below(pid, supervisor));
    for address in with_loopback(named) {
        let inode = match sys::listener(address) {
            Listener::None => continue,
            Listener::Unknown => break,
            Listener::Socket(socket) => socket.inode,
        };
        match sys::socket_owner(inode) {
            Some(pid) if is_its_own(pid) => {}
            Some(pid) => {
                return format!("{address} is listened on by {}", with_relation(pid));
            }
            None => return of_another_user(address),
        }
    }
    let has_ss = cfg!(all(target_os = "linux", not(mirakuru_fallback)));
    let command = if has_ss { "ss -ltunp" } else { "lsof -nPi" };
    format!("`{command}` shows which process listens where; {USE_PLACEHOLDER}")
}

/// Waits until servers of earlier runs, which are being stopped, have left these addresses. Returns
/// false if there are none.
pub(crate) fn wait_for_ends(named: &[SocketAddr]) -> bool {
    with_loopback(named).into_iter().any(|address| {
        let sockets = [sys::listener(address), sys::udp_socket(address)];
        sockets.into_iter().any(|socket| is_waited_out(socket, address))
    })
}

/// Waits until the server that has a socket is gone, if it is being stopped. Returns true if it is gone.
fn is_waited_out(socket: Listener, address: SocketAddr) -> bool {
    let Listener::Socket(socket) = socket else { return false };
    let other = sys::socket_owner(socket.inode).and_then(OtherServer::of);
    other.is_some_and(|other| other.wait_for_end(&format!("it has {address}")))
}

/// Returns the addresses, each followed by those of its port on the loopback interface: a listener
/// there may keep a server from binding another address of the port, and the other way round.
fn with_loopback(named: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for address in named {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let loopback = loopback.map(|ip| SocketAddr::new(ip, address.port()));
        let specific = Some(*address).filter(|address| !address.ip().is_unspecified());
        for address in specific.into_iter().chain(loopback) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
    }
    addresses
}

/// Describes a process that has an address, and whether these tests have started it.
fn with_relation(pid: i32) -> String {
    let (description, tests) = (describe(pid), std::process::id() as i32);
    match OtherServer::of(pid) {
        Some(other) => format!("{description}: {}", other.help()),
        None if pid == tests => {
            format!("{description}, this test process itself: close it, {USE_PLACEHOLDER}")
        }
        None if sys::is_below(pid, tests) => {
            format!("{description}, which these tests have started: stop it, {USE_PLACEHOLDER}")
        }
        None => format!("{description}, which was not started here: stop it, {USE_PLACEHOLDER}"),
    }
}

fn of_another_user(address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "{address} is listened on by {}; `sudo ss -ltnp 'sport = :{port}'` shows it; \
         {USE_PLACEHOLDER}",
        of_socket(None)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_command_is_one_line_and_not_a_whole_script() {
        let program = format!("/{}", "p".repeat(200));
        for (command, expected) in [
            ("redis-server *:6379".to_owned(), "redis-server *:6379".to_owned()),
            ("sh -c a\nb\r\x1b[2J\t\"ü\"".to_owned(), r#"sh -c a\nb\r\u{1b}[2J\t"ü""#.to_owned()),
            (format!("{program} {}", "ä".repeat(79)), format!("{program} {}", "ä".repeat(79))),
            (format!("{program} {}", "ä".repeat(80)), format!("{program} {}…", "ä".repeat(79))),
        ] {
            assert_eq!(shortened(&command), expected);
        }
    }
}
