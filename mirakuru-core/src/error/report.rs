//! The evidence below an error's first line.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::exit::Exit;

/// What is known about a failure. Upper modules fill in what they have.
#[derive(Default)]
pub(crate) struct Report {
    /// What another process made of its own report.
    pub(crate) told: Option<String>,
    pub(crate) command: Option<String>,
    pub(crate) attempts: Option<Attempts>,
    /// The state of the process, in a few words.
    pub(crate) state: Option<String>,
    pub(crate) exit: Option<Exit>,
    pub(crate) output: Option<Output>,
    /// What the reader can do about it.
    pub(crate) way_out: Option<String>,
}

/// How a condition was waited for.
#[derive(Clone)]
pub(crate) struct Attempts {
    /// The condition, "HTTP 2xx at `http://…`".
    pub(crate) what: String,
    /// The last answer it got.
    pub(crate) last: String,
    pub(crate) count: u64,
    pub(crate) elapsed: Duration,
    pub(crate) limit: Duration,
}

/// The last lines of a process's output.
#[derive(Default)]
pub(crate) struct Output {
    /// Which lines these are: "output", "output since …".
    pub(crate) label: &'static str,
    pub(crate) lines: Vec<String>,
    /// How many bytes came before them.
    pub(crate) omitted: u64,
    pub(crate) path: PathBuf,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(told) = &self.told {
            f.write_str(told)?;
        }
        if let Some(command) = &self.command {
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
        if let Some(way_out) = &self.way_out {
            write!(f, "\n  help: {way_out}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, last, count, .. } = self;
        let (elapsed, limit) = (Seconds(self.elapsed), Seconds(self.limit));
        let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        write!(f, "{what}\n  last answer: {last} (asked {times} in {elapsed} of {limit})")
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (label, path) = (self.label, self.path.display());
        if self.lines.is_empty() {
            return write!(f, "{label}: none ({path})");
        }
        write!(f, "{label} ({path}):")?;
        if self.omitted > 0 {
            write!(f, "\n    <{} bytes omitted>", self.omitted)?;
        }
        self.lines.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// A duration in seconds, as exact as a reader wants it.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        if seconds < 1.0 { write!(f, "{seconds:.3} s") } else { write!(f, "{seconds:.1} s") }
    }
}
