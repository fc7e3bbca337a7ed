//! A line of output.

use std::collections::BTreeMap;

use super::attempt::Attempt;
use super::condition::{
    Condition, ConditionSpec, Endpoint, Explanation, Found, Poll, Requirements, StartContext,
};
use super::identity::Identity;
use crate::error::Result;
use crate::output::near_miss::near_miss;
use crate::output::{Banner, Follower, LogFiles};
use crate::types::Stream;

impl ConditionSpec for Banner {
    fn key(&self) -> &'static str {
        "output"
    }

    fn captures(&self) -> Vec<String> {
        self.groups()
    }

    fn requirements(&self) -> Requirements {
        Requirements {
            separate_streams: self.stream.is_some(),
            running_process: false,
            ..Requirements::default()
        }
    }

    fn identify(&self, identity: &mut Identity) -> Result<()> {
        identity.add(self);
        Ok(())
    }

    fn build(&self, context: &StartContext<'_>) -> Result<Box<dyn Condition>> {
        Ok(Box::new(Output::new(self, context.files)?))
    }
}

struct Output {
    banner: Banner,
    followers: Vec<Follower>,
    /// The texts that the groups matched, once the line was written.
    captures: Option<BTreeMap<String, String>>,
    /// Followers of the stream that the banner leaves out, for a report.
    other_stream: Vec<Follower>,
}

impl Output {
    fn new(banner: &Banner, files: &LogFiles) -> Result<Self> {
        // At a restart, what was written before does not count.
        let followers = |stream| files.followers(stream, || banner.matcher());
        let other_stream = banner.stream.map(|stream| followers(Some(other(stream))));
        Ok(Self {
            banner: banner.clone(),
            followers: followers(banner.stream)?,
            captures: None,
            other_stream: other_stream.transpose()?.unwrap_or_default(),
        })
    }

    /// Returns what was seen instead of the line.
    fn seen(&self, lines: &[String], other_lines: &[String]) -> Option<String> {
        match self.followers.iter().map(Follower::seen).max() {
            None | Some(0) => {}
            Some(1) => return Some("it came 1 time".to_owned()),
            Some(seen) => return Some(format!("it came {seen} times")),
        }
        if let Some(stream) = self.banner.stream.filter(|_| self.matches(other_lines)) {
            return Some(format!("no such line, but it came on {}", name(other(stream))));
        }
        if lines.is_empty() {
            let stream = self.banner.stream.map(|stream| format!(" to {}", name(stream)));
            return Some(format!("nothing was written{}", stream.unwrap_or_default()));
        }
        Some(format!("no such line, but {}", near_miss(&self.banner.pattern, lines)?))
    }

    fn help(&self, lines: &[String], other_lines: &[String]) -> Option<String> {
        if self.matches(other_lines) {
            return Some("wait for that stream, or for both: `Banner::on`".to_owned());
        }
        if near_miss(&self.banner.pattern, lines).is_some() && !self.matches(lines) {
            return Some("if that is the line that is meant, correct the pattern".to_owned());
        }
        if self.banner.stream == Some(Stream::Stderr) && lines.is_empty() && !other_lines.is_empty()
        {
            return Some("it writes to standard output: wait for that, by `Banner::on`".to_owned());
        }
        lines.is_empty().then(|| {
            "some programs buffer their output unless a terminal reads it: see `stdbuf -oL`, \
             `python3 -u`, or wait for something else than output"
                .to_owned()
        })
    }

    /// Returns true if the pattern matches in these lines.
    fn matches(&self, lines: &[String]) -> bool {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.banner.matcher().is_ok_and(|mut matcher| matcher.feed(text.as_bytes()).is_some())
    }
}

impl Condition for Output {
    fn describe(&self) -> String {
        let Banner { pattern, times, stream } = &self.banner;
        let times = if *times == 1 { String::new() } else { format!(", {times} times") };
        let stream = stream.map_or("output", name);
        format!("a line of {stream} that matches `{pattern}`{times}")
    }

    fn poll(&mut self, attempt: &Attempt<'_>) -> Result<Poll> {
        for follower in &mut self.followers {
            // A line that was written stays written.
            if self.captures.is_none() {
                let line = follower.look(attempt.deadline())?;
                self.captures = line.map(|line| self.banner.captured(&line).into_iter().collect());
            }
        }
        Ok(match &self.captures {
            Some(captures) => {
                Poll::Ready(Found { endpoint: Endpoint::default(), captures: captures.clone() })
            }
            None => {
                let paths = self.followers.iter().map(|follower| follower.path().to_owned());
                Poll::pending_on("no such line", paths)
            }
        })
    }

    fn explain(&self) -> Explanation {
        let (lines, other_lines) = (lines(&self.followers), lines(&self.other_stream));
        Explanation { seen: self.seen(&lines, &other_lines), help: self.help(&lines, &other_lines) }
    }
}

/// Returns the last lines only: a report needs no more memory for a longer log.
fn lines(followers: &[Follower]) -> Vec<String> {
    followers.iter().flat_map(Follower::lines).collect()
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
