//! What happens to processes, as records of the crate `log`, and as lines on standard error if the
//! environment variable `MIRAKURU_LOG` is `info`.

use std::fmt::{self, Display};
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::Level;

use crate::diagnostics::settings::{self, LogLevel};
use crate::diagnostics::time_limit::Limit;
use crate::diagnostics::{port_owner, progress, runner};
use crate::sys;
use crate::types::Exit;

/// Set when the process exits: loggers may use thread locals, which may be gone.
static IS_EXITING: AtomicBool = AtomicBool::new(false);

/// Sends no more records to the logger.
pub(crate) fn exiting() {
    IS_EXITING.store(true, Ordering::Relaxed);
}

pub(crate) fn started(name: &str, pid: i32, elapsed: Duration, why: &str) {
    runs("started", name, pid, elapsed, why);
}

/// A process that a test has stopped, or that has died, is ready again.
pub(crate) fn restarted(name: &str, pid: i32, elapsed: Duration, why: &str) {
    runs("restarted", name, pid, elapsed, why);
}

fn runs(since: &str, name: &str, pid: i32, elapsed: Duration, why: &str) {
    let millis = elapsed.as_secs_f64() * 1000.0;
    line(format_args!("{since} {name} (pid {pid}), ready after {millis:.1} ms: {why}"));
}

/// A server that runs already is used instead of one that is started.
pub(crate) fn uses_external(name: &str, server: &str, elapsed: Duration, why: &str) {
    let millis = elapsed.as_secs_f64() * 1000.0;
    line(format_args!("{name} is {server}, ready after {millis:.1} ms: {why}"));
}

/// A server is started although a variable seems to name one that runs already.
pub(crate) fn near_variable(name: &str, variable: &str, wanted: &str) {
    warn(format_args!(
        "{name} is started here, because {variable} is not its variable: that is {wanted}"
    ));
}

/// A variable that is no setting has nearly the name of one.
pub(crate) fn misspelt_setting(variable: &str, near: &str) {
    warn(format_args!("the environment variable {variable} has no effect; did you mean {near}?"));
}

/// A variable that names a server which runs already has not been used.
pub(crate) fn unused_variable(variable: &str, names: &str) {
    line(format_args!(
        "{variable} is for no server of this test process; its servers are called {names}"
    ));
}

/// A process outlives the test processes, so none of them prints its end.
pub(crate) fn stays_for_run(name: &str, runner: i32) {
    let program = sys::program_name(runner).unwrap_or_else(|| "the run".to_owned());
    line(format_args!(
        "{name} stops when {program} (pid {runner}) ends; no test process is left then to print that"
    ));
}

pub(crate) fn leased(name: &str, users: usize, exclusively: bool) {
    let how = if exclusively { "exclusively leased" } else { "leased" };
    let users = if users == 1 { "1 user".to_owned() } else { format!("{users} users") };
    line(format_args!("{how} {name}, which has {users} now"));
}

/// A process listens at an address that was waited for, and this user may not inspect it.
pub(crate) fn not_judged(name: &str, pid: i32, address: impl Display) {
    line(format_args!("the owner of {address} cannot be determined; taken for {name} (pid {pid})"));
}

/// The output of a process is lost, because its log cannot be written.
pub(crate) fn log_failed(name: &str, errno: i32) {
    let why = std::io::Error::from_raw_os_error(errno);
    warn(format_args!("the output of {name} cannot be logged and is lost: {why}"));
}

/// The page of the run is there, or why it is not. Test processes that exit later draw it again.
pub(crate) fn timeline(page: Result<&Path, String>) {
    let (level, text) = match page {
        Ok(page) => (Level::Info, format!("timeline in {}", page.display())),
        Err(why) => (Level::Warn, format!("no timeline: {why}")),
    };
    report(level, false, format_args!("{text}"));
    if settings::log_level() != LogLevel::Off {
        progress::print_once(&text);
    }
}

/// A process ended by itself while it was leased.
pub(crate) fn died(name: &str, exit: Option<Exit>) {
    let how = exit.map_or("ended".to_owned(), |exit| exit.to_string());
    let is_printed = settings::log_level() == LogLevel::Info; // The failed test says it, too.
    report(Level::Warn, is_printed, format_args!("died: {name} {how}"));
}

pub(crate) fn stopped(name: &str, exit: Option<Exit>, leases: u64) {
    let how = exit.map_or("ended".to_owned(), |exit| exit.to_string());
    match leases {
        0 => line(format_args!("stopped {name}: {how}")),
        1 => line(format_args!("stopped {name}: {how}, after 1 lease")),
        _ => line(format_args!("stopped {name}: {how}, after {leases} leases")),
    }
}

/// A process did not end within its stop timeout.
pub(crate) fn killed(name: &str, stop_timeout: Duration) {
    warn(format_args!(
        "{name} did not end within its stop timeout of {} and was killed; if another signal \
         ends it, set `stop_signal`, and if it only needs longer, `stop_timeout`",
        Limit(stop_timeout)
    ));
}

/// No process was found that runs the tests, although one has set its variables.
pub(crate) fn no_runner() {
    static ONCE: Once = Once::new();
    if runner::is_expected() && cfg!(target_os = "linux") {
        ONCE.call_once(|| {
            warn(format_args!(
                "the program that runs the tests was not found, so only the tests of this process \
                 share its servers; set MIRAKURU_SESSION to the id of that program"
            ));
        });
    }
}

/// The kernel refuses supervisors to adopt orphans.
pub(crate) fn orphans_are_lost() {
    static ONCE: Once = Once::new();
    if sys::HAS_SUBREAPER {
        ONCE.call_once(|| {
            warn(format_args!(
                "this sandbox refuses PR_SET_CHILD_SUBREAPER: a server that goes to the background \
                 counts as ended, and of what leaves the process group of a server, only that is killed \
                 which has kept its environment"
            ));
        });
    }
}

/// What the commands of a template have made is not there for the next process.
pub(crate) fn template_not_kept(name: &str, why: &str) {
    warn(format_args!("the template of {name} is not kept, so each process makes its own: {why}"));
}

/// A test has left a process in a state that could not be undone.
pub(crate) fn not_reset(name: &str, is_replaced: bool, why: &str) {
    let next = if is_replaced { "a new one" } else { "it as it is" };
    warn(format_args!("{name} could not be reset, so the next test gets {next}: {why}"));
}

/// A process could not be ended.
pub(crate) fn left_running(name: &str, pid: i32) {
    warn(format_args!("{name} is left running: {}", port_owner::refusal(pid)));
}

/// Reports a problem. It is printed, unless the user wants no lines at all.
fn warn(text: fmt::Arguments<'_>) {
    report(Level::Warn, settings::log_level() != LogLevel::Off, text);
}

/// Reports what happens in every run. It is printed if the user wants that.
fn line(text: fmt::Arguments<'_>) {
    report(Level::Info, settings::log_level() == LogLevel::Info, text);
}

fn report(level: Level, is_printed: bool, text: fmt::Arguments<'_>) {
    if !IS_EXITING.load(Ordering::Relaxed) {
        log::log!(level, "{text}");
    }
    if is_printed {
        progress::print(&text.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    struct Collector(Mutex<Vec<String>>);

    impl log::Log for Collector {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            self.0.lock().push(format!("{} {}", record.level(), record.args()));
        }

        fn flush(&self) {}
    }

    #[test]
    fn a_logger_of_the_user_gets_records() {
        static COLLECTOR: Collector = Collector(Mutex::new(Vec::new()));
        log::set_logger(&COLLECTOR).unwrap();
        log::set_max_level(log::LevelFilter::Info);
        started("logged", 7, Duration::from_millis(2), "at once");
        died("logged", None);
        let records = COLLECTOR.0.lock();
        let own: Vec<_> = records.iter().filter(|record| record.contains("logged")).collect();
        assert_eq!(
            own,
            ["INFO started logged (pid 7), ready after 2.0 ms: at once", "WARN died: logged ended"]
        );
    }
}
