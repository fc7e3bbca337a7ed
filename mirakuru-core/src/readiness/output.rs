//! A line of output.

use std::collections::BTreeMap;

use super::{Attempt, Condition, Readiness};
use crate::error::Result;
use crate::output::Banner;
use crate::output::near_miss::near_miss;
use crate::output::{Follower, LogFiles};
use crate::sys::Watcher;
use crate::types::Stream;

pub(super) struct Output {
    banner: Banner,
    readers: Vec<Follower>,
    /// The line, once it has come.
    line: Option<String>,
    /// Those of the other stream, if there is one that is not looked at.
    elsewhere: Vec<Follower>,
}

impl Output {
    pub(super) fn new(banner: &Banner, files: &LogFiles) -> Result<Self> {
        // At a restart, what was written before does not count.
        let readers = |stream| files.followers(stream, || banner.matcher());
        let elsewhere = banner.stream.map(|stream| readers(Some(other(stream))));
        Ok(Self {
            banner: banner.clone(),
            readers: readers(banner.stream)?,
            line: None,
            elsewhere: elsewhere.transpose()?.unwrap_or_default(),
        })
    }
}

impl Condition for Output {
    fn what(&self) -> String {
        let Banner { pattern, times, stream } = &self.banner;
        let times = if *times == 1 { String::new() } else { format!(", {times} times") };
        let stream = stream.map_or("output", name);
        format!("a line of {stream} that matches `{pattern}`{times}")
    }

    fn check(&mut self, attempt: &Attempt<'_>) -> Result<Readiness> {
        for reader in &mut self.readers {
            // A line that has come stays.
            if self.line.is_none() {
                self.line = reader.look(attempt.deadline())?;
            }
        }
        let not_yet = || Readiness::NotYet("no such line".to_owned());
        Ok(if self.line.is_some() { Readiness::Ready } else { not_yet() })
    }

    fn diagnose(&self) -> Option<String> {
        match self.readers.iter().map(Follower::seen).max() {
            None | Some(0) => {}
            Some(1) => return Some("it came 1 time".to_owned()),
            Some(seen) => return Some(format!("it came {seen} times")),
        }
        let (lines, elsewhere) = (lines(&self.readers), lines(&self.elsewhere));
        if let Some(stream) = self.banner.stream.filter(|_| self.comes_in(&elsewhere)) {
            return Some(format!("no such line, but it came on {}", name(other(stream))));
        }
        if lines.is_empty() {
            let stream = self.banner.stream.map(|stream| format!(" to {}", name(stream)));
            return Some(format!("nothing was written{}", stream.unwrap_or_default()));
        }
        Some(format!("no such line, but {}", near_miss(&self.banner.pattern, &lines)?))
    }

    fn way_out(&self) -> Option<String> {
        let (lines, elsewhere) = (lines(&self.readers), lines(&self.elsewhere));
        if self.comes_in(&elsewhere) {
            return Some("look at that stream, or at both: `Banner::on`".to_owned());
        }
        if near_miss(&self.banner.pattern, &lines).is_some() && !self.comes_in(&lines) {
            return Some("if that is the line that is meant, correct the pattern".to_owned());
        }
        (lines.is_empty() && elsewhere.is_empty()).then(|| {
            "some programs keep their lines back unless a terminal reads them: see `stdbuf -oL`, \
             `python3 -u`, or wait for something else than output"
                .to_owned()
        })
    }

    fn watch(&self, watcher: &mut Watcher) -> bool {
        self.readers.iter().all(|reader| watcher.watch(reader.path()))
    }

    fn captured(&self) -> BTreeMap<String, String> {
        self.line.iter().flat_map(|line| self.banner.captured(line)).collect()
    }

    fn requires_running(&self) -> bool {
        false
    }
}

impl Output {
    /// Whether these lines hold what is looked for.
    fn comes_in(&self, lines: &[String]) -> bool {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.banner.matcher().is_ok_and(|mut matcher| matcher.feed(text.as_bytes()).is_some())
    }
}

/// The last lines only: a report does not need more memory for a longer log.
fn lines(readers: &[Follower]) -> Vec<String> {
    readers.iter().flat_map(Follower::lines).collect()
}

fn other(stream: Stream) -> Stream {
    match stream {
        Stream::Stdout => Stream::Stderr,
        Stream::Stderr => Stream::Stdout,
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "standard output",
        Stream::Stderr => "standard error",
    }
}
