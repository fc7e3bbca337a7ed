//! One start and stop of a server, and what is claimed of each.

use std::env;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Error, Executor, Process};

use super::client::Client;
use super::leftovers::{Before, Traces};
use crate::{assert_gone, tree};

/// How often a server is started unless `MIRAKURU_REPEAT` says.
const REPEAT: usize = 3;

pub(crate) struct Round<'a> {
    pub(crate) executor: Executor,
    pub(crate) client: &'a Client,
    /// A pattern for what the client gets. Each byte is one character.
    pub(crate) answer: &'a str,
    /// Beginnings of the names of files that the server may write outside `{dir}`.
    pub(crate) names: Vec<&'static str>,
}

impl Round<'_> {
    /// Starts the server, asks it, uses it, stops it and looks for what it has left, also of the traces
    /// that were added when it was used. Returns how long the start and the stop took.
    pub(crate) fn run(
        self,
        use_it: impl FnOnce(&mut Process, &mut Vec<Traces>) -> Result<(), String>,
    ) -> Result<(Duration, Duration), String> {
        let before = Before::start_of(self.names);
        let begin = Instant::now();
        let mut process = self.executor.start().map_err(at("start"))?;
        let start = begin.elapsed();
        let asked = self.client.ask(&process, self.answer);
        asked.map_err(|fault| format!("first client: {fault}\n{}", tail(&process)))?;
        let mut traces = Vec::new();
        use_it(&mut process, &mut traces)
            .map_err(|fault| format!("{fault}\n{}", tail(&process)))?;

        let pids = tree(&process);
        traces.push(Traces::of(&process, &pids));
        let begin = Instant::now();
        let exit = process.stop().map_err(at("stop"))?;
        let stop = begin.elapsed();
        process.leak_check().map_err(at("leak"))?;
        assert_gone(&pids);
        let dir = process.dir().to_owned();
        drop(process);
        let killed = exit.was_killed().then(|| format!("it {exit}"));
        let dir = dir.exists().then(|| format!("{} is left", dir.display()));
        let left = || traces.iter().find_map(|traces| traces.left(&before));
        let left = killed.or(dir).or_else(left).or_else(|| before.changed());
        left.map_or(Ok((start, stop)), Err)
    }
}

/// Repeats a round, a slow one less often, and prints how many succeeded and how long they took.
#[track_caller]
pub(crate) fn repeat(
    name: &str,
    is_slow: bool,
    mut round: impl FnMut() -> Result<(Duration, Duration), String>,
) {
    let rounds = env::var("MIRAKURU_REPEAT").ok().and_then(|text| text.parse().ok());
    let rounds = rounds.unwrap_or(if is_slow { 1 } else { REPEAT });
    let (times, faults): (Vec<_>, Vec<_>) = (0..rounds).map(|_| round()).partition(Result::is_ok);
    let faults: Vec<_> = faults.into_iter().filter_map(Result::err).collect();
    let times: Vec<_> = times.into_iter().flatten().collect();
    println!("{name}: {} of {rounds}, {}", times.len(), spread(times));
    assert!(faults.is_empty(), "{} of {rounds} failed:\n{}", faults.len(), faults.join("\n"));
}

fn at(step: &str) -> impl Fn(Error) -> String {
    move |error| format!("{step}: {error:?}")
}

fn tail(process: &Process) -> String {
    process.log().tail(10).unwrap_or_default()
}

/// Returns the medians and maxima of starts and stops.
fn spread(times: Vec<(Duration, Duration)>) -> String {
    let (mut starts, mut stops): (Vec<_>, Vec<_>) = times.into_iter().unzip();
    let part = |times: &mut Vec<Duration>| {
        times.sort();
        let middle = times.get(times.len() / 2).map_or(0, Duration::as_millis);
        format!("{middle} ms ({} ms)", times.last().map_or(0, Duration::as_millis))
    };
    format!("start {}, stop {}", part(&mut starts), part(&mut stops))
}
