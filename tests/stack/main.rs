//! Several processes that belong together.

#![allow(clippy::unwrap_used, reason = "a helper that cannot go on fails its test")]

mod faults;
mod fixtures;
mod foreground;
mod names;
mod order;
mod real_servers;

use std::fs;
use std::path::Path;

use mirakuru_core::{Error, ErrorKind, Executor, RunningStack, Stack};
use mirakuru_tests::starting::soon;

/// Returns a member that logs its start, its readiness and its stop, each by a line with its name.
fn logs(name: &str, log: &Path) -> Executor {
    gated(name, log, "true")
}

/// The same, for one that waits for a command before it is ready.
fn gated(name: &str, log: &Path, gate: &str) -> Executor {
    let log = log.display();
    let say = |word: &str| format!("echo {word} {name} >> '{log}'");
    let (start, ready, stop) = (say("start"), say("ready"), say("stop"));
    Executor::shell(format!(
        "trap '' INT; {start}; trap '{}; exit' TERM; {gate}; {ready}; echo up; \
         while :; do sleep 0.01; done",
        stop.replace('\'', "\"")
    ))
    .output("^up$")
}

/// Returns a command that waits for a file.
fn waits_for(path: &Path) -> String {
    format!("until [ -e '{}' ]; do sleep 0.01; done", path.display())
}

fn lines(log: &Path) -> Vec<String> {
    fs::read_to_string(log).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Starts a stack, and panics unless it is ready soon.
#[track_caller]
fn start(stack: &Stack) -> RunningStack {
    soon(|| stack.start()).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Returns the error of a stack that soon fails to start with the kind.
#[track_caller]
fn fails(stack: &Stack, kind: ErrorKind) -> Error {
    match soon(|| stack.start()) {
        Ok(stack) => panic!("it started: {stack:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            error
        }
    }
}

/// Returns a member that only has the text in its environment.
fn with_text(text: &str) -> Executor {
    Executor::new("sleep 300").env("TEXT", text)
}
