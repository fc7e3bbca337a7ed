//! When a test's own process has ended.

use std::env;
use std::fs;
use std::path::PathBuf;

use mirakuru_rstest::{Process, with_process};
use mirakuru_tests::test_process::{capturing, printed};
use mirakuru_tests::{alive, scratch_dir};

/// The directory of the files by which the two tests meet. Without it, they do nothing.
const MEETING: &str = "MIRAKURU_MEETING";

fn meeting() -> Option<PathBuf> {
    env::var_os(MEETING).map(PathBuf::from)
}

#[with_process(
    shell = "trap '[ -z \"$MIRAKURU_MEETING\" ] || until [ -e \"$MIRAKURU_MEETING/go\" ]; do sleep 0.01; done; exit' TERM
             echo ready; while :; do sleep 0.05; done",
    output = "ready",
    timeout = "20s",
    stop_timeout = "20s"
)]
#[test]
fn meets_first(server: Process) {
    if let Some(dir) = meeting() {
        fs::write(dir.join("pid"), server.pid().to_string()).unwrap();
    }
}

#[test]
fn meets_second() {
    if let Some(dir) = meeting() {
        assert!(alive(fs::read_to_string(dir.join("pid")).unwrap()));
        fs::write(dir.join("go"), "").unwrap();
    }
}

#[test]
fn the_next_test_runs_while_the_process_of_the_last_one_stops() {
    let dir = scratch_dir();
    let mut run = capturing("stops::meets_");
    let output = run.arg("--test-threads=1").env(MEETING, &*dir).output().unwrap();
    assert!(output.status.success(), "{}", printed(&output));
    // The test process has waited for its end.
    assert!(!alive(fs::read_to_string(dir.join("pid")).unwrap()));
}

#[with_process(
    shell = "trap 'sleep 0.1; exit' TERM; echo ready; while :; do sleep 0.02; done",
    output = "ready"
)]
#[test]
fn a_process_that_a_test_drops_has_ended(server: Process) {
    let pid = server.pid();
    drop(server);
    assert!(!alive(pid));
}
