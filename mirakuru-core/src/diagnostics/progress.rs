//! Waits that take long are seen: a line on standard error every now and then, or where that is a
//! terminal, a bar that is drawn in place.

use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::sys;

/// When a wait is told of, in seconds. After the last one, it is told of once a minute.
const TOLD_AFTER: [u64; 7] = [1, 2, 5, 10, 20, 30, 60];

const MINUTE: u64 = 60;

/// How often the bar is drawn at most.
const REDRAWN_AFTER: Duration = Duration::from_millis(100);

/// How many characters the bar itself has.
const BAR_CELLS: usize = 20;

/// How wide a terminal is that does not say.
const USUAL_WIDTH: usize = 80;

/// Clears the line that the cursor is in, from its beginning.
const ERASE: &str = "\r\x1b[K";

/// How those who watch are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Nothing,
    Lines,
    Bar,
}

static WAY: LazyLock<Way> =
    LazyLock::new(|| way(|name| std::env::var(name).ok(), io::stderr().is_terminal()));

fn way(variable: impl Fn(&str) -> Option<String>, is_terminal: bool) -> Way {
    if variable("MIRAKURU_LOG").is_some_and(|level| level == "off") {
        return Way::Nothing;
    }
    let can_draw = variable("TERM").is_some_and(|term| term != "dumb") && variable("CI").is_none();
    if is_terminal && can_draw { Way::Bar } else { Way::Lines }
}

/// What this process has on the terminal.
struct Screen {
    /// Whether the line that the cursor is in is a bar.
    shows_bar: bool,
    /// Whether one of the waits draws. The others print lines.
    is_taken: bool,
}

static SCREEN: Mutex<Screen> = Mutex::new(Screen { shows_bar: false, is_taken: false });

impl Screen {
    /// Calls `act` with the screen, unless its user never gives it back: a signal handler that
    /// exits may have interrupted it.
    fn with(act: impl FnOnce(&mut Self)) {
        if let Some(mut screen) = SCREEN.try_lock_for(Duration::from_secs(1)) {
            act(&mut screen);
        }
    }

    fn print(&mut self, text: &str) {
        let erase = if std::mem::take(&mut self.shows_bar) { ERASE } else { "" };
        write(&format!("{erase}mirakuru: {text}\n"));
    }

    fn draw(&mut self, text: &str, is_first: bool) {
        // The line may begin with what is not ours to overwrite, as the name of the running test.
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

/// Past what libtest captures, and in one piece, so that lines of several threads do not mix.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes()); // Nobody may be there to read it.
}

/// Prints a line, and keeps it apart from a bar.
pub(crate) fn print(text: &str) {
    Screen::with(|screen| screen.print(text));
}

/// One wait. Nobody hears of it if it is over within a second.
pub(crate) struct Progress {
    began: Instant,
    limit: Duration,
    /// How long after the beginning it is told of next.
    due: Duration,
    draws: bool,
}

impl Progress {
    pub(crate) fn new(began: Instant, limit: Duration) -> Self {
        Self { began, limit, due: next_line(Duration::ZERO), draws: false }
    }

    /// Tells what is waited for, as a noun, and what was seen last, if it is time to.
    pub(crate) fn tick(&mut self, what: &dyn Fn() -> String, last: &str) {
        let elapsed = self.began.elapsed();
        if elapsed < self.due || *WAY == Way::Nothing {
            return;
        }
        let told = Told { what: &what(), last, elapsed, limit: self.limit };
        Screen::with(|screen| {
            let is_first = !self.draws;
            self.draws |= *WAY == Way::Bar && !screen.is_taken;
            if self.draws {
                screen.is_taken = true;
                screen.draw(&told.bar(width()), is_first);
            } else {
                screen.print(&told.line());
            }
        });
        self.due = if self.draws { elapsed + REDRAWN_AFTER } else { next_line(elapsed) };
    }

    /// How long nothing is to be told.
    fn rest(&self) -> Duration {
        self.due.saturating_sub(self.began.elapsed()).max(REDRAWN_AFTER)
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

/// Waits in a call that nothing but its end wakes up, while another thread tells of it. `what` is
/// none as long as there is nothing to tell.
pub(crate) fn during<T>(
    limit: Duration,
    mut what: impl FnMut() -> Option<String> + Send,
    wait: impl FnOnce() -> T,
) -> T {
    let (waits, is_over) = mpsc::channel::<()>();
    let tell = move || {
        let mut progress = Progress::new(Instant::now(), limit);
        while is_over.recv_timeout(progress.rest()) == Err(RecvTimeoutError::Timeout) {
            if let Some(what) = what() {
                progress.tick(&|| what.clone(), "");
            }
        }
    };
    thread::scope(|scope| {
        // Where there can be no more threads, nobody is told.
        let _ = thread::Builder::new().spawn_scoped(scope, tell);
        let result = wait();
        drop(waits);
        result
    })
}

/// When to tell of a wait that has taken so long.
fn next_line(elapsed: Duration) -> Duration {
    let seconds = elapsed.as_secs();
    let next = TOLD_AFTER.into_iter().find(|next| *next > seconds);
    Duration::from_secs(next.unwrap_or((seconds / MINUTE + 1) * MINUTE))
}

/// As `COLUMNS` says, or the terminal.
fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = columns.or_else(|| sys::terminal_width(io::stderr()).map(usize::from));
    width.filter(|width| *width > 0).unwrap_or(USUAL_WIDTH)
}

/// What there is to tell of a wait.
struct Told<'a> {
    what: &'a str,
    last: &'a str,
    elapsed: Duration,
    limit: Duration,
}

impl Told<'_> {
    fn line(&self) -> String {
        let last = if self.last.is_empty() { "" } else { &format!("so far: {}; ", self.last) };
        in_one_line(&format!("waiting for {} ({last}{})", self.what, self.seconds()))
    }

    /// What is cut is the end of it, so that it never takes two lines.
    fn bar(&self, width: usize) -> String {
        let part = (self.elapsed.as_secs_f64() / self.limit.as_secs_f64()).min(1.0);
        let done = (part * BAR_CELLS as f64) as usize;
        let bar = format!("[{}{}]", "=".repeat(done), " ".repeat(BAR_CELLS - done));
        let last = if self.last.is_empty() { "" } else { &format!(" ({})", self.last) };
        let text = format!("mirakuru: {bar} {}: {}{last}", self.seconds(), self.what);
        // Some terminals go on in the next line as soon as the last column is written.
        in_one_line(&text).chars().take(width - 1).collect()
    }

    fn seconds(&self) -> String {
        let elapsed = self.elapsed.as_secs();
        if self.elapsed > self.limit {
            return format!("{elapsed} s"); // Each test that has a process gets the limit anew.
        }
        format!("{elapsed} of {} s", self.limit.as_secs_f64())
    }
}

/// What comes from a server or from a user's probe may be anything.
fn in_one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<'a>(last: &'a str, seconds: f64, limit: f64) -> Told<'a> {
        let [elapsed, limit] = [seconds, limit].map(Duration::from_secs_f64);
        Told { what: "redis: GET http://127.0.0.1:4711/health", last, elapsed, limit }
    }

    #[test]
    fn a_wait_is_told_of_less_and_less_often() {
        let mut told = Vec::new();
        let mut elapsed = Duration::ZERO;
        while told.len() < 10 {
            elapsed = next_line(elapsed);
            told.push(elapsed.as_secs());
        }
        assert_eq!(told, [1, 2, 5, 10, 20, 30, 60, 120, 180, 240]);
    }

    #[test]
    fn what_was_told_late_is_not_told_twice() {
        let late = |millis| next_line(Duration::from_millis(millis)).as_secs();
        assert_eq!([late(1999), late(4200), late(61_500), late(125_000)], [2, 5, 120, 180]);
    }

    #[test]
    fn a_line_says_what_is_waited_for_and_what_was_seen() {
        assert_eq!(
            told("HTTP status 503", 1.2, 30.0).line(),
            "waiting for redis: GET http://127.0.0.1:4711/health (so far: HTTP status 503; 1 of 30 s)"
        );
        assert!(told("", 2.0, 2.5).line().ends_with("/health (2 of 2.5 s)"));
        assert!(told("", 75.0, 60.0).line().ends_with("/health (75 s)"));
    }

    #[test]
    fn what_a_server_says_does_not_break_the_line() {
        let line = told("a\r\nb\x1b[2J", 1.0, 30.0).line();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(!told("a\r\nb\x1b[2J", 1.0, 30.0).bar(200).contains(char::is_control));
    }

    #[test]
    fn a_bar_grows_and_is_never_longer_than_its_line() {
        let begins = |seconds, begin: &str| {
            let bar = told("nothing yet", seconds, 20.0).bar(200);
            assert!(bar.starts_with(begin), "{bar}");
        };
        begins(0.0, "mirakuru: [                    ] 0 of 20 s: redis: GET ");
        begins(10.5, "mirakuru: [==========          ] 10 of 20 s: redis: GET ");
        begins(90.0, "mirakuru: [====================] 90 s: redis: GET ");
        for width in [1, 10, 40, 80] {
            assert_eq!(told("nöthing yet", 3.0, 20.0).bar(width).chars().count(), width - 1);
        }
    }

    #[test]
    fn only_a_terminal_that_can_be_drawn_on_gets_a_bar() {
        let with = |set: &[(&str, &str)], is_terminal| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            way(variable, is_terminal)
        };
        assert_eq!(with(&[("TERM", "xterm")], true), Way::Bar);
        assert_eq!(with(&[("TERM", "xterm")], false), Way::Lines);
        assert_eq!(with(&[("TERM", "dumb")], true), Way::Lines);
        assert_eq!(with(&[], true), Way::Lines);
        assert_eq!(with(&[("TERM", "xterm"), ("CI", "true")], true), Way::Lines);
        assert_eq!(with(&[("TERM", "xterm"), ("MIRAKURU_LOG", "off")], true), Way::Nothing);
        assert_eq!(with(&[("MIRAKURU_LOG", "info")], false), Way::Lines);
    }

    #[test]
    fn a_wait_with_a_teller_gives_back_what_it_has_waited_for() {
        assert_eq!(during(Duration::from_secs(1), || None, || 7), 7);
    }
}
