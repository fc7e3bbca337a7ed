//! Many servers, one row each: how to start it, when it is ready, and what its first client asks.
//!
//! Each row is one test, and each makes the same claims: the first client, right after `start()`,
//! gets its answer; the server stops when it is asked to; neither a process nor shared memory nor a
//! file outside `{dir}` is left. `MIRAKURU_REPEAT=20` repeats each row that often, and
//! `--show-output` prints how long starts and stops took.

mod client;
mod databases;
mod dns;
mod faults;
mod gateways;
mod leftovers;
mod messages;
mod one_client;
mod shells;
mod stores;
mod tools;
mod web;

use std::env;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Error, Executor, Process};
use mirakuru_tests::need;

use self::client::Client;
use self::leftovers::{Places, Traces};
use crate::{LIMIT, assert_gone, is_root, tree};

/// How often a row is repeated unless `MIRAKURU_REPEAT` says.
const REPEAT: usize = 3;

/// A user with few rights.
const USER: &str = "65534";

/// A server and its first client.
struct Row {
    /// The package of Debian, or `npm` and the package there, if it is not Node itself.
    package: &'static str,
    program: &'static str,
    /// A script for `/bin/sh`. It runs in `{dir}`, which is also `$HOME`.
    run: &'static str,
    /// True for a server that refuses to run as root: as root, `run` then runs as another user.
    refuses_root: bool,
    /// True for one round instead of some.
    slow: bool,
    /// Adds the conditions, and how the server ends if that is not by the stop signal or code 0.
    ready: fn(Executor) -> Executor,
    client: Client,
    /// A pattern for what the client gets. Each byte is one character.
    answer: &'static str,
    /// Words in the names of files that the server may write outside `{dir}`, beside its program.
    places: &'static [&'static str],
}

/// A server that is ready when its port is open, and then speaks first.
const ROW: Row = Row {
    package: "",
    program: "",
    run: "",
    refuses_root: false,
    slow: false,
    ready: |it| it.tcp("127.0.0.1:{port}"),
    client: Client::Tcp(b""),
    answer: "",
    places: &[],
};

/// Makes a test of each row, and `PACKAGES`.
macro_rules! servers {
    ($($(#[$meta:meta])* $name:ident: $row:expr,)*) => {
        $($(#[$meta])* #[test] fn $name() { $row.check(stringify!($name)); })*

        /// The packages of the rows.
        pub(super) const PACKAGES: &[&str] = &[$($row.package),*];
    };
}
use servers;

impl Row {
    #[track_caller]
    fn check(&self, name: &str) {
        if !self.is_installed() {
            println!("it is in the package {}", self.package);
            return;
        }
        let rounds = repeat().unwrap_or(if self.slow { 1 } else { REPEAT });
        let (times, faults): (Vec<_>, Vec<_>) =
            (0..rounds).map(|_| self.round()).partition(Result::is_ok);
        let faults: Vec<_> = faults.into_iter().filter_map(Result::err).collect();
        let times: Vec<_> = times.into_iter().flatten().collect();
        println!("{name}: {} of {rounds}, {}", times.len(), spread(times));
        assert!(faults.is_empty(), "{} of {rounds} failed:\n{}", faults.len(), faults.join("\n"));
    }

    fn is_installed(&self) -> bool {
        // Debian 12 has no Node that is new enough: CI has one, or does without.
        if self.package.starts_with("npm") && !has_npm() {
            println!("skipped: npm is not installed");
            return false;
        }
        need(self.program).is_some()
    }

    /// Starts the server, asks it, stops it and looks for what it has left. Returns how long the
    /// start and the stop took.
    fn round(&self) -> Result<(Duration, Duration), String> {
        let places = Places::of([&[self.program], self.places].concat());
        let begin = Instant::now();
        let mut process = self.executor().start().map_err(at("start"))?;
        let start = begin.elapsed();
        let asked = self.client.ask(&process, self.answer);
        asked.map_err(|fault| format!("first client: {fault}\n{}", tail(&process)))?;

        let pids = tree(&process);
        let traces = Traces::of(&process, &pids);
        let begin = Instant::now();
        let exit = process.stop().map_err(at("stop"))?;
        let stop = begin.elapsed();
        process.leak_check().map_err(at("leak"))?;
        assert_gone(&pids);
        let dir = process.dir().to_owned();
        drop(process);
        let killed = exit.was_killed().then(|| format!("it {exit}"));
        let dir = dir.exists().then(|| format!("{} is left", dir.display()));
        let left = killed.or(dir).or_else(|| traces.left()).or_else(|| places.changed());
        left.map_or(Ok((start, stop)), Err)
    }

    fn executor(&self) -> Executor {
        let path = env::var("PATH").unwrap_or_default();
        let executor = match self.refuses_root && is_root() {
            true => Executor::shell(format!(
                "chown {USER} . && exec setpriv --reuid={USER} --regid={USER} --clear-groups \
                 /bin/sh -c \"$0\""
            ))
            .arg(self.run),
            false => Executor::shell(self.run),
        };
        let executor = executor.name(self.program).current_dir("{dir}").timeout(LIMIT);
        (self.ready)(executor.env("PATH", format!("{path}:/usr/sbin")).env("HOME", "{dir}"))
    }
}

fn has_npm() -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join("npm").exists())
}

fn repeat() -> Option<usize> {
    env::var("MIRAKURU_REPEAT").ok()?.parse().ok()
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

#[test]
fn ci_installs_the_package_of_each_row() {
    let script = include_str!("../../../.ci/run");
    let (install, _) = script.split_once("\npackages_pid=").expect("the end of the step");
    let words: Vec<_> = install.split_whitespace().collect();
    let tables = [databases::PACKAGES, dns::PACKAGES, gateways::PACKAGES, messages::PACKAGES];
    let more = [one_client::PACKAGES, shells::PACKAGES, stores::PACKAGES, tools::PACKAGES];
    let packages = [tables.concat(), more.concat(), web::PACKAGES.to_vec()].concat();
    assert!(packages.len() >= 50, "{}", packages.len());
    let names = packages.iter().flat_map(|package| package.split_whitespace());
    let missing: Vec<_> = names.filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
