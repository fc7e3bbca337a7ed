//! Servers that outlive their failed test, so that the user can look at them: `MIRAKURU_KEEP=failed`.

use std::ffi::OsStr;
use std::fmt::Write;
use std::time::Duration;

use super::Server;
use crate::diagnostics::settings;
use crate::readiness::Endpoint;
use crate::supervisor::Client;

/// Returns where a server can be reached, a line each. None, unless servers are kept.
pub(super) fn contacts(server: &Server) -> String {
    if settings::kept_for().is_none() {
        return String::new();
    }
    let values = &server.plan.values;
    let address = server.endpoint.addr.map(|addr| ("address", addr.to_string()));
    let url = server.endpoint.url.clone().map(|url| ("url", url));
    let port = |(name, port): (&String, &u16)| match name.as_str() {
        "" => ("port", port.to_string()),
        name => ("port", format!("{port} ({name})")),
    };
    let dir = values.dir().map(|dir| ("directory", dir.display().to_string()));
    let connect = connect(server).map(|command| ("connect", command));
    let log = ("log", server.plan.files.stdout.display().to_string());
    let lines = address.into_iter().chain(url).chain(values.ports().iter().map(port));
    lines.chain(connect).chain(dir).chain([log]).fold(String::new(), |mut text, (what, value)| {
        let _ = writeln!(text, "  {what}: {value}"); // A string takes all.
        text
    })
}

/// Returns the URL or the address by which a test knows a server.
pub(super) fn address(server: &Server) -> Option<String> {
    let Endpoint { addr, url } = &server.endpoint;
    url.clone().or_else(|| addr.map(|addr| addr.to_string()))
}

/// Returns a command that connects to a server.
pub(super) fn connect(server: &Server) -> Option<String> {
    let Endpoint { addr, url } = &server.endpoint;
    if let Some(url) = url.as_ref().filter(|url| !url.starts_with("http://unix:")) {
        return Some(format!("curl {url}"));
    }
    let (host, port) = addr.map(|addr| (addr.ip(), addr.port()))?;
    Some(match server.plan.program.file_name().and_then(OsStr::to_str)? {
        "redis-server" | "valkey-server" => format!("redis-cli -h {host} -p {port}"),
        "postgres" => format!("psql -h {host} -p {port}"),
        "mariadbd" | "mysqld" => format!("mariadb -h {host} -P {port}"),
        _ => format!("nc {host} {port}"),
    })
}

/// Keeps a server running after its test has failed, and says how it is reached and ended. Does nothing
/// unless the user wants that.
pub(super) fn keep(client: &Client, name: &str, contacts: &str) {
    let Some(limit) = settings::kept_for().filter(|limit| client.keep_running(*limit)) else {
        return;
    };
    let (pid, supervisor, limit) = (client.state().main, client.supervisor_pid(), shown(limit));
    eprintln!(
        "--- {name} is kept running as pid {pid}, because a test that uses it has failed\n{contacts}  \
         help: `kill {supervisor}` stops it and all that it has spawned; it stops by itself in {limit}"
    );
}

fn shown(limit: Duration) -> String {
    match limit.as_secs() {
        seconds if seconds > 0 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        _ => format!("{} s", limit.as_secs_f64()),
    }
}
