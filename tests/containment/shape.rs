//! The shapes of a server, from the plain one to those that try to escape.

use std::path::Path;
use std::time::Duration;

use mirakuru_rstest::{Executor, Process};
use mirakuru_tests::bin;

/// The stop timeout, for servers that ignore signals.
const STOP_TIMEOUT: Duration = Duration::from_millis(300);

pub(crate) const SHAPES: &[&str] = if cfg!(mirakuru_fallback) { STAYS } else { ALL };

/// These stay in the process group that they were started in.
const STAYS: &[&str] = ALL.split_at(9).0;

const ALL: &[&str] = &[
    "plain",
    "shell wrapper",
    "shell with children",
    "ignores TERM",
    "paused",
    "stubborn child",
    "keeps forking",
    "200 grandchildren",
    "closes descriptors",
    "double fork",
    "scrubbed daemon",
    "daemon ignores TERM",
    "other sessions",
];

/// Starts a server of a shape. Its processes have `mark` in their arguments; one that overwrites
/// those writes its id to `pid_file`.
pub(crate) fn start(shape: &str, mark: &str, pid_file: &Path) -> Process {
    let process = executor(shape, mark, pid_file).stop_timeout(STOP_TIMEOUT).start();
    let mut process = process.unwrap_or_else(|error| panic!("{shape}: {error:?}"));
    if shape == "paused" {
        process.pause().unwrap();
    }
    process
}

fn executor(shape: &str, mark: &str, pid_file: &Path) -> Executor {
    let tcp = "127.0.0.1:{port}";
    let server = format!("{} {{port}} --mark {mark}", bin!("mk-tcp-server"));
    let daemon = || Executor::new([bin!("mk-daemon"), "--port", "{port}", "--mark", mark]).tcp(tcp);
    let signals = [bin!("mk-signals"), "--mark", mark];
    let tree = || Executor::new([bin!("mk-tree"), "--mark", mark]).output("^ready$");
    match shape {
        "plain" => Executor::new(server).tcp(tcp),
        "shell wrapper" => Executor::shell(format!("{server}; true")).tcp(tcp),
        "shell with children" => {
            Executor::shell(format!("{} & {server} & wait", signals.join(" "))).tcp(tcp)
        }
        "double fork" => daemon(),
        "scrubbed daemon" => {
            let pid_file = pid_file.to_str().unwrap();
            daemon().args(["--clear-env", "--title", "--pid-file", pid_file]).pid_file(pid_file)
        }
        "ignores TERM" => Executor::new(signals).args(["--ignore", "TERM"]).output("ready"),
        "daemon ignores TERM" => daemon().arg("--ignore-term"),
        "paused" => tree().args(["--children", "3"]),
        "stubborn child" => tree().arg("--child-ignores-term"),
        "keeps forking" => Executor::new([bin!("mk-forker"), "--mark", mark]).output("hopping"),
        "200 grandchildren" => tree().args(["--children", "20", "--grandchildren", "9"]),
        "other sessions" => tree().args(["--children", "3", "--setsid", "--child-ignores-term"]),
        "closes descriptors" => {
            Executor::new([bin!("mk-close-all"), "--mark", mark]).output("closing")
        }
        other => panic!("no shape is called {other}"),
    }
}
