//! What happens to processes, for those who watch: `tracing` events, and one line each on standard
//! error if the environment variable `MIRAKURU_LOG` is `info`.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::diagnostics::progress;
use crate::types::Exit;

static IS_WATCHED: LazyLock<bool> =
    LazyLock::new(|| std::env::var("MIRAKURU_LOG").is_ok_and(|level| level == "info"));

/// Whether thread locals may be gone, which subscribers use.
static IS_EXITING: AtomicBool = AtomicBool::new(false);

/// From now on, nothing is told to `tracing`.
pub(crate) fn exiting() {
    IS_EXITING.store(true, Ordering::Relaxed);
}

pub(crate) fn started(name: &str, pid: i32, elapsed: Duration, why: &str) {
    tracing::info!(name, pid, ?elapsed, why, "started");
    let millis = elapsed.as_secs_f64() * 1000.0;
    line(format_args!("started {name} (pid {pid}), ready after {millis:.1} ms: {why}"));
}

pub(crate) fn leased(name: &str, users: usize, exclusively: bool) {
    tracing::info!(name, users, exclusively, "leased");
    let how = if exclusively { "exclusively leased" } else { "leased" };
    let users = if users == 1 { "1 user".to_owned() } else { format!("{users} users") };
    line(format_args!("{how} {name}, which has {users} now"));
}

/// Somebody listens where a process was to, and this user may not look at who it is.
pub(crate) fn not_judged(name: &str, pid: i32, address: SocketAddr) {
    tracing::info!(name, pid, %address, "taken for the listener");
    line(format_args!("nobody can tell whose {address} is; taken for that of {name} (pid {pid})"));
}

/// A process ended by itself while somebody had a lease.
pub(crate) fn died(name: &str, exit: Option<Exit>) {
    tracing::warn!(name, ?exit, "died");
    line(format_args!("died: {name} {}", exit.map_or("ended".to_owned(), |exit| exit.to_string())));
}

pub(crate) fn stopped(name: &str, exit: Option<Exit>, leases: u64) {
    if !IS_EXITING.load(Ordering::Relaxed) {
        tracing::info!(name, ?exit, leases, "stopped");
    }
    let how = exit.map_or("ended".to_owned(), |exit| exit.to_string());
    match leases {
        0 => line(format_args!("stopped {name}: {how}")),
        1 => line(format_args!("stopped {name}: {how}, after 1 lease")),
        _ => line(format_args!("stopped {name}: {how}, after {leases} leases")),
    }
}

fn line(text: std::fmt::Arguments<'_>) {
    if *IS_WATCHED {
        progress::print(&text.to_string());
    }
}
