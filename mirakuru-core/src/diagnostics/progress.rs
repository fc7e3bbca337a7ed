//! Reports long waits on standard error: by a line now and then, or on a terminal by a progress bar.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::diagnostics::settings::{self, LogLevel};
use crate::diagnostics::watched;
use crate::sys;

/// When a wait is reported, in seconds. After the last one, it is reported once a minute.
const REPORTED_AFTER: [u64; 7] = [1, 2, 5, 10, 20, 30, 60];

const MINUTE: u64 = 60;

/// The shortest interval between two drawings of the bar.
const REDRAWN_AFTER: Duration = Duration::from_millis(100);

/// The number of characters of the bar itself.
const BAR_CELLS: usize = 20;

/// The width of a terminal that does not report it.
const USUAL_WIDTH: usize = 80;

/// Moves the cursor to the beginning of its line and clears the line.
const ERASE: &str = "\r\x1b[K";

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Nothing,
    Lines,
    Bar,
}

static STYLE: LazyLock<Style> = LazyLock::new(|| {
    let variable = |name: &str| std::env::var(name).ok();
    style(settings::log_level(), variable, io::stderr().is_terminal())
});

fn style(level: LogLevel, variable: impl Fn(&str) -> Option<String>, is_terminal: bool) -> Style {
    if level == LogLevel::Off {
        return Style::Nothing;
    }
    let can_draw = variable("TERM").is_some_and(|term| term != "dumb") && variable("CI").is_none();
    if is_terminal && can_draw { Style::Bar } else { Style::Lines }
}

/// What this process shows on the terminal.
struct Screen {
    /// The cursor is in the line of a bar.
    shows_bar: bool,
    /// One of the waits draws a bar. The others print lines.
    is_taken: bool,
}

static SCREEN: Mutex<Screen> = Mutex::new(Screen { shows_bar: false, is_taken: false });

impl Screen {
    /// Calls `act` with the screen, unless its lock is never released: a signal handler that exits
    /// may have interrupted its holder.
    fn with(act: impl FnOnce(&mut Self)) {
        if let Some(mut screen) = SCREEN.try_lock_for(Duration::from_secs(1)) {
            act(&mut screen);
        }
    }

    fn print(&mut self, text: &str) {
        let erase = if std::mem::take(&mut self.shows_bar) { ERASE } else { "" };
        write(&format!("{erase}mirakuru: {text}\n"));
        watched::print(&format!("mirakuru: {text}"));
    }

    fn draw(&mut self, text: &str, is_first: bool) {
        // libtest may have written the name of the running test to this line.
        let start = if is_first { "\n" } else { "" };
        write(&format!("{start}{ERASE}{text}"));
        self.shows_bar = true;
    }

    fn erase(&mut self) {
        if std::mem::take(&mut self.shows_bar) {
            write(ERASE);
        }
    }
}

/// Writes past libtest's capture, in one call, so that lines of several threads do not mix.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes()); // Standard error may be closed.
}

/// Prints a line, after erasing the bar if there is one.
#[doc(hidden)]
pub fn print(text: &str) {
    Screen::with(|screen| screen.print(text));
}

/// Prints a line, but not in the captured output of a test if the user of nextest sees it anyway: that
/// output is shown, too, if the test fails.
pub(crate) fn print_once(text: &str) {
    if !watched::print(&format!("mirakuru: {text}")) {
        print(text);
    }
}

/// Prints whole lines of servers as they are, after erasing the bar if there is one.
pub(crate) fn print_output(lines: &str) {
    Screen::with(|screen| {
        screen.erase();
        write(lines);
    });
}

/// Writes a part of a text to standard output, after erasing the bar if there is one. Returns how many
/// bytes it has taken.
pub(super) fn write_to_stdout(mut stdout: &File, bytes: &[u8]) -> io::Result<usize> {
    let mut written = Err(io::ErrorKind::WouldBlock.into());
    Screen::with(|screen| {
        screen.erase();
        written = stdout.write(bytes);
    });
    written
}

/// One wait. It is not reported if it is over within a second.
pub(crate) struct Progress {
    began: Instant,
    limit: Duration,
    /// The time since the beginning at which it is reported next.
    due: Duration,
    draws: bool,
}

impl Progress {
    pub(crate) fn new(began: Instant, limit: Duration) -> Self {
        // A wait may be one of several within a time limit.
        Self { began, limit, due: next_line(began.elapsed()), draws: false }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.began.elapsed() >= self.due && *STYLE != Style::Nothing
    }

    /// Reports what is waited for (a noun) and the last observation, if a report is due.
    pub(crate) fn tick(&mut self, what: &dyn Fn() -> String, last: &str) {
        if !self.is_due() {
            return;
        }
        let elapsed = self.began.elapsed();
        let report = Report { what: &what(), last, elapsed, limit: self.limit };
        Screen::with(|screen| {
            let is_first = !self.draws;
            self.draws |= *STYLE == Style::Bar && !screen.is_taken;
            if self.draws {
                screen.is_taken = true;
                screen.draw(&report.bar(width()), is_first);
            } else {
                screen.print(&report.line());
            }
        });
        self.due = if self.draws { elapsed + REDRAWN_AFTER } else { next_line(elapsed) };
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.draws {
            Screen::with(|screen| {
                screen.erase();
                screen.is_taken = false;
            });
        }
    }
}

/// Returns when to report a wait next that has taken `elapsed`.
fn next_line(elapsed: Duration) -> Duration {
    let seconds = elapsed.as_secs();
    let next = REPORTED_AFTER.into_iter().find(|next| *next > seconds);
    Duration::from_secs(next.unwrap_or((seconds / MINUTE + 1) * MINUTE))
}

/// Returns the width of the terminal: `COLUMNS` if it is set.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = columns.or_else(|| sys::terminal_width(io::stderr()).map(usize::from));
    width.filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

/// The report of a wait.
struct Report<'a> {
    what: &'a str,
    last: &'a str,
    elapsed: Duration,
    limit: Duration,
}

impl Report<'_> {
    /// Begins with what is short, because a terminal may cut the end.
    fn line(&self) -> String {
        let last = if self.last.is_empty() { "" } else { &format!(" (so far: {})", self.last) };
        in_one_line(&format!("waiting ({}) for {}{last}", self.seconds(), self.what))
    }

    /// Cuts the end of a text that would take two lines.
    fn bar(&self, width: usize) -> String {
        let part = (self.elapsed.as_secs_f64() / self.limit.as_secs_f64()).min(1.0);
        let done = (part * BAR_CELLS as f64) as usize;
        let bar = format!("[{}{}]", "=".repeat(done), " ".repeat(BAR_CELLS - done));
        let last = if self.last.is_empty() { "" } else { &format!(" ({})", self.last) };
        let text = format!("mirakuru: {bar} {}: {}{last}", self.seconds(), self.what);
        // Some terminals move to the next line as soon as the last column is written.
        watched::cut(&in_one_line(&text), width - 1)
    }

    fn seconds(&self) -> String {
        let elapsed = self.elapsed.as_secs();
        if self.elapsed > self.limit {
            return format!("{elapsed} s"); // The limit restarts with each lease that ends.
        }
        format!("{elapsed} of {} s", self.limit.as_secs_f64())
    }
}

/// Replaces control characters: a server or a probe may report any text.
fn in_one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report<'a>(last: &'a str, seconds: f64, limit: f64) -> Report<'a> {
        let [elapsed, limit] = [seconds, limit].map(Duration::from_secs_f64);
        Report { what: "redis: GET http://127.0.0.1:4711/health", last, elapsed, limit }
    }

    #[test]
    fn a_wait_is_reported_less_and_less_often() {
        let mut reported = Vec::new();
        let mut elapsed = Duration::ZERO;
        while reported.len() < 10 {
            elapsed = next_line(elapsed);
            reported.push(elapsed.as_secs());
        }
        assert_eq!(reported, [1, 2, 5, 10, 20, 30, 60, 120, 180, 240]);
    }

    #[test]
    fn a_late_report_is_not_repeated() {
        let late = |millis| next_line(Duration::from_millis(millis)).as_secs();
        assert_eq!([late(1999), late(4200), late(61_500), late(125_000)], [2, 5, 120, 180]);
    }

    #[test]
    fn a_line_names_the_wait_and_the_last_observation() {
        assert_eq!(
            report("HTTP status 503", 1.2, 30.0).line(),
            "waiting (1 of 30 s) for redis: GET http://127.0.0.1:4711/health (so far: HTTP status 503)"
        );
        assert!(report("", 2.0, 2.5).line().starts_with("waiting (2 of 2.5 s) for redis: "));
        assert!(report("", 75.0, 60.0).line().starts_with("waiting (75 s) for redis: "));
    }

    #[test]
    fn what_a_server_says_does_not_break_the_line() {
        let line = report("a\r\nb\x1b[2J", 1.0, 30.0).line();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!report("a\r\nb\x1b[2J", 1.0, 30.0).bar(200).contains(char::is_control));
    }

    #[test]
    fn a_bar_grows_and_is_never_longer_than_its_line() {
        let begins = |seconds, begin: &str| {
            let bar = report("nothing yet", seconds, 20.0).bar(200);
            assert!(bar.starts_with(begin), "{bar}");
        };
        begins(0.0, "mirakuru: [                    ] 0 of 20 s: redis: GET ");
        begins(10.5, "mirakuru: [==========          ] 10 of 20 s: redis: GET ");
        begins(90.0, "mirakuru: [====================] 90 s: redis: GET ");
        for width in [1, 10, 40, 80] {
            let bar = report("nöthing yet", 3.0, 20.0).bar(width);
            assert!(
                bar.chars().count() == width - 1 && (width == 1 || bar.ends_with('…')),
                "{bar}"
            );
        }
    }

    #[test]
    fn only_a_terminal_that_can_be_drawn_on_gets_a_bar() {
        let with = |level, set: &[(&str, &str)], is_terminal| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            style(level, variable, is_terminal)
        };
        assert_eq!(with(LogLevel::Waits, &[("TERM", "xterm")], true), Style::Bar);
        assert_eq!(with(LogLevel::Waits, &[("TERM", "xterm")], false), Style::Lines);
        assert_eq!(with(LogLevel::Waits, &[("TERM", "dumb")], true), Style::Lines);
        assert_eq!(with(LogLevel::Waits, &[], true), Style::Lines);
        assert_eq!(with(LogLevel::Waits, &[("TERM", "xterm"), ("CI", "true")], true), Style::Lines);
        assert_eq!(with(LogLevel::Off, &[("TERM", "xterm")], true), Style::Nothing);
        assert_eq!(with(LogLevel::Info, &[], false), Style::Lines);
    }
}
