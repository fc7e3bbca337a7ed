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
mod round;
mod shells;
mod stores;
mod tools;
mod web;

use std::env;
use std::time::Duration;

use mirakuru_rstest::Executor;
use mirakuru_tests::need;

pub(crate) use self::client::Client;
pub(crate) use self::leftovers::Traces;
pub(crate) use self::round::{Round, repeat};
use crate::{LIMIT, is_root, presets};

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
    /// Beginnings of the names of files that the server may write outside `{dir}`, beside its program.
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
        repeat(name, self.slow, || self.round());
    }

    fn is_installed(&self) -> bool {
        // Debian 12 has no Node that is new enough: CI has one, or does without.
        if self.package.starts_with("npm") && !has_npm() {
            println!("skipped: npm is not installed");
            return false;
        }
        need(self.program).is_some()
    }

    /// Returns how long the start and the stop took.
    fn round(&self) -> Result<(Duration, Duration), String> {
        let (client, answer) = (&self.client, self.answer);
        let names = [&[self.program], self.places].concat();
        Round { executor: self.executor(), client, answer, names }.run(|_, _| Ok(()))
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

#[test]
fn ci_installs_the_package_of_each_row() {
    let script = include_str!("../../../.ci/run");
    let (install, _) = script.split_once("\npackages_pid=").expect("the end of the step");
    let words: Vec<_> = install.split_whitespace().collect();
    let tables = [databases::PACKAGES, dns::PACKAGES, gateways::PACKAGES, messages::PACKAGES];
    let more = [one_client::PACKAGES, shells::PACKAGES, stores::PACKAGES, tools::PACKAGES];
    let packages =
        [tables.concat(), more.concat(), web::PACKAGES.to_vec(), presets::packages()].concat();
    assert!(packages.len() >= 50, "{}", packages.len());
    let names = packages.iter().flat_map(|package| package.split_whitespace());
    let missing: Vec<_> = names.filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
