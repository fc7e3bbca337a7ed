//! What a stack in the foreground prints.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::time::Duration;

use crate::diagnostics::stdout;
use crate::process::Process;

/// The colours of names, as numbers of ECMA-48. Red is left to errors.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 96];

/// The name before lines of the stack itself.
const OWN: &str = "mirakuru";

/// Prints lines behind names.
pub(super) struct Screen {
    /// The number of characters of the longest name.
    width: usize,
    has_colours: bool,
}

impl Screen {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let has_colours = has_colours(variable, io::stdout().is_terminal());
        Self { width: width(names.chain([OWN])), has_colours }
    }

    /// Returns what stands before each line of a member.
    pub(super) fn prefix(&self, name: &str, member: usize) -> String {
        self.coloured(&format!("{name:0$} |", self.width), COLOURS[member % COLOURS.len()]) + " "
    }

    /// Prints lines of the stack itself.
    pub(super) fn print(&self, text: &str) {
        let line = |line| format!("{OWN:0$} | {line}\n", self.width);
        stdout::print(&text.lines().map(line).collect::<String>());
    }

    pub(super) fn print_ready(&self, process: &Process, elapsed: Duration) {
        let (name, seconds) = (process.name(), elapsed.as_secs_f64());
        self.print(&format!("{name} is ready after {seconds:.2} s"));
    }

    /// Prints where each process is reached.
    pub(super) fn print_table<'a>(&self, processes: impl Iterator<Item = &'a Process> + Clone) {
        let head = ["name", "address", "pid", "log"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(head).chain(processes.clone().map(row)).collect();
        let widths: Vec<_> =
            (0..3).map(|column| width(rows.iter().map(|row| row[column].as_str()))).collect();
        for (number, [name, address, pid, log]) in rows.iter().enumerate() {
            let name = format!("{name:0$}", widths[0]);
            let name = match number.checked_sub(1) {
                Some(member) => self.coloured(&name, COLOURS[member % COLOURS.len()]),
                None => name,
            };
            let (address, pid) =
                (format!("{address:0$}", widths[1]), format!("{pid:0$}", widths[2]));
            self.print(&format!("{name}  {address}  {pid}  {log}"));
        }
        let logs = processes.filter(|it| it.server().plan.external.is_none());
        let logs: BTreeSet<_> =
            logs.filter_map(|it| Some(it.log().path().parent()?.to_owned())).collect();
        logs.iter().for_each(|dir| self.print(&format!("the logs are in {}", dir.display())));
    }

    fn coloured(&self, text: &str, colour: u8) -> String {
        if self.has_colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// See <https://no-color.org>.
fn has_colours(variable: impl Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    is_terminal && !is_set("NO_COLOR") && variable("TERM").is_some_and(|term| term != "dumb")
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

fn row(process: &Process) -> [String; 4] {
    let addr = || process.try_addr().map(|addr| addr.to_string());
    let address = process.try_url().or_else(|_| addr()).unwrap_or_else(|_| "-".to_owned());
    if let Some(external) = &process.server().plan.external {
        return [process.name().to_owned(), address, "-".to_owned(), external.to_string()];
    }
    let log = process.log();
    let log = log.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    [process.name().to_owned(), address, process.pid().to_string(), log]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_wide_as_the_longest() {
        let screen = Screen { width: 8, has_colours: false };
        assert_eq!(screen.prefix("db", 0), "db       | ");
        let screen = Screen { width: 2, has_colours: true };
        assert_eq!(screen.prefix("db", 7), "\x1b[33mdb |\x1b[0m ");
    }

    #[test]
    fn only_a_terminal_that_may_have_colours_has_them() {
        let with = |set: &[(&str, &str)], is_terminal| {
            let variable = |name: &str| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            has_colours(variable, is_terminal)
        };
        assert!(with(&[("TERM", "xterm")], true));
        assert!(with(&[("TERM", "xterm"), ("NO_COLOR", "")], true));
        assert!(!with(&[("TERM", "xterm"), ("NO_COLOR", "1")], true));
        assert!(!with(&[("TERM", "dumb")], true));
        assert!(!with(&[], true));
        assert!(!with(&[("TERM", "xterm")], false));
    }
}
