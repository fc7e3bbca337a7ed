//! The evidence below an error's first line.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::types::Exit;

/// The evidence of a failure. The modules that have it fill in their fields.
#[derive(Clone, Default)]
pub(crate) struct Report {
    /// The report of another process, if the failure happened there.
    pub(crate) received: Option<Received>,
    pub(crate) command: Option<String>,
    pub(crate) attempts: Option<Attempts>,
    /// The state of the process, in a few words.
    pub(crate) state: Option<String>,
    pub(crate) exit: Option<Exit>,
    pub(crate) output: Option<Output>,
    /// Set if the output says that an address was in use. It is not printed.
    pub(crate) is_address_in_use: bool,
    /// The supervisor was killed.
    pub(crate) is_supervisor_killed: bool,
    /// The advice to the reader.
    pub(crate) help: Option<String>,
}

/// A report that another process has rendered, and the facts of it that a program can ask for.
#[derive(Clone, Default)]
pub(crate) struct Received {
    pub(crate) text: String,
    pub(crate) command: Option<String>,
    pub(crate) log_path: Option<PathBuf>,
}

impl Report {
    pub(super) fn command(&self) -> Option<&str> {
        let received = || self.received.as_ref()?.command.as_deref();
        self.command.as_deref().or_else(received)
    }

    pub(super) fn log_path(&self) -> Option<&Path> {
        let received = || self.received.as_ref()?.log_path.as_deref();
        let own = self.output.as_ref().and_then(|output| output.paths.first());
        own.map(PathBuf::as_path).or_else(received)
    }
}

/// The wait for a readiness condition.
#[derive(Clone)]
pub(crate) struct Attempts {
    /// The condition, "HTTP 2xx at `http://…`".
    pub(crate) what: String,
    /// The last observation.
    pub(crate) last: String,
    pub(crate) count: u64,
    pub(crate) elapsed: Duration,
    pub(crate) limit: Duration,
}

/// The number of characters of a line that are printed.
const LINE_MAX: usize = 500;

/// The last lines of a process's output.
#[derive(Clone, Default)]
pub(crate) struct Output {
    /// The name of the lines: "output", "output since …".
    pub(crate) label: &'static str,
    pub(crate) lines: Vec<String>,
    /// The number of bytes that were written before them.
    pub(crate) omitted: u64,
    /// The files with the whole output.
    pub(crate) paths: Vec<PathBuf>,
    /// Output could not be logged, because of this `errno`.
    pub(crate) log_failure: Option<i32>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(received) = &self.received {
            f.write_str(&received.text)?;
        }
        // A long one would hide the reason.
        let (first, last) = match &self.command {
            Some(command) if is_long(command) => (None, Some(command.replace('\n', "\n    "))),
            command => (command.as_ref(), None),
        };
        if let Some(command) = first {
            write!(f, "\n  command: {command}")?;
        }
        if let Some(attempts) = &self.attempts {
            write!(f, "\n  waited for: {attempts}")?;
        }
        if let Some(state) = &self.state {
            write!(f, "\n  process: {state}")?;
        }
        if let Some(output) = &self.output {
            write!(f, "\n  {output}")?;
        }
        if let Some(command) = last {
            write!(f, "\n  command:\n    {command}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

fn is_long(command: &str) -> bool {
    command.contains('\n') || command.len() > LINE_MAX
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, last, count, .. } = self;
        let (elapsed, limit) = (Seconds(self.elapsed), Seconds(self.limit));
        let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        write!(f, "{what}\n  last observation: {last} (checked {times} in {elapsed} of {limit})")
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<_> = self.paths.iter().map(|path| path.display().to_string()).collect();
        let (label, paths) = (self.label, paths.join(" and "));
        let why = self.log_failure.map(io::Error::from_raw_os_error);
        match why {
            Some(why) if self.lines.is_empty() => {
                return write!(f, "{label}: could not be logged: {why} ({paths})");
            }
            None if self.lines.is_empty() => return write!(f, "{label}: none ({paths})"),
            Some(why) => write!(f, "{label}, some of which could not be logged: {why} ({paths}):")?,
            None => write!(f, "{label} ({paths}):")?,
        }
        if self.omitted > 0 {
            write!(f, "\n    <{} bytes omitted before this>", Grouped(self.omitted))?;
        }
        self.lines.iter().try_for_each(|line| write!(f, "\n    {}", Line(line)))
    }
}

/// A line, cut off if it is very long.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((end, _)) = self.0.char_indices().nth(LINE_MAX) else {
            return f.write_str(self.0);
        };
        let (shown, rest) = self.0.split_at(end);
        write!(f, "{shown}… <{} more characters>", Grouped(rest.chars().count() as u64))
    }
}

/// A text without control characters that a terminal would obey. A command, an answer or a path may
/// have any.
pub(super) struct Printable<'a>(pub(super) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_obeyed = |c: char| c.is_control() && c != '\n' && c != '\t';
        self.0.split_inclusive(is_obeyed).try_for_each(|part| match part.chars().last() {
            Some(last) if is_obeyed(last) => {
                write!(f, "{}{}", &part[..part.len() - last.len_utf8()], last.escape_default())
            }
            _ => f.write_str(part),
        })
    }
}

/// A number with a comma after each thousand.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            less @ ..1000 => write!(f, "{less}"),
            more => write!(f, "{},{:03}", Self(more / 1000), more % 1000),
        }
    }
}

/// A duration in seconds, with as many digits as a reader needs.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1.0 { write!(f, "{seconds:.3} s") } else { write!(f, "{seconds:.1} s") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(line: &str) -> String {
        let lines = vec![line.to_owned()];
        Output {
            label: "output",
            lines,
            omitted: 1_020_300,
            paths: vec!["a".into(), "b".into()],
            log_failure: None,
        }
        .to_string()
    }

    #[test]
    fn an_output_says_how_much_was_written_before_and_where_all_of_it_is() {
        assert_eq!(
            output("é"),
            "output (a and b):\n    <1,020,300 bytes omitted before this>\n    é"
        );
    }

    #[test]
    fn a_terminal_obeys_nothing_of_a_report() {
        let report = Printable("a\tb\n\x1b[2J\u{9b}H\r\u{e9}").to_string();
        assert_eq!(report, "a\tb\n\\u{1b}[2J\\u{9b}H\\r\u{e9}");
    }

    #[test]
    fn the_reason_comes_before_a_long_command() {
        let shown = |command: &str| {
            let text = |text: &str| Some(text.to_owned());
            let report = Report {
                command: text(command),
                state: text("ended"),
                help: text("why"),
                ..Report::default()
            };
            report.to_string()
        };
        assert_eq!(shown("a b"), "\n  command: a b\n  process: ended\n  help: why");
        let script = "\n  process: ended\n  command:\n    sh -c 'a\n    b'\n  help: why";
        assert_eq!(shown("sh -c 'a\nb'"), script);
    }

    #[test]
    fn a_very_long_line_is_cut_off() {
        let longest = "é".repeat(LINE_MAX);
        assert!(output(&longest).ends_with(&format!("    {longest}")));
        let longer = longest.clone() + &"x".repeat(1_234);
        assert!(output(&longer).ends_with(&format!("    {longest}… <1,234 more characters>")));
    }
}
