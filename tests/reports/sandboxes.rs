//! What a sandbox keeps from the tests.

use std::path::Path;

use mirakuru_rstest::Executor;
use mirakuru_tests::need;
use mirakuru_tests::test_process::{self, playing, run_by};
use rstest::rstest;

/// Starts a server, and prints why it does not start.
#[test]
fn plays_a_start() {
    if test_process::role().is_some() {
        println!("{:?}", Executor::new("sleep 60").start().unwrap_err());
    }
}

const WITHOUT: &str = "mount -t tmpfs none $0 && exec \"$@\"";

#[rstest]
#[case(&["unshare", "-pf"], "`/proc` is that of another PID namespace")]
#[case(&["unshare", "-m", "sh", "-c", WITHOUT, "/proc"], "`/proc` is not mounted")]
fn a_proc_that_does_not_show_the_tests_is_an_error(#[case] words: &[&str], #[case] what: &str) {
    if need(words[0]).is_none() {
        return;
    }
    let words: Vec<&Path> = words.iter().map(Path::new).collect();
    let test = playing("sandboxes::plays_a_start", "starts");
    let printed = test_process::printed(&run_by(&words, &test).output().unwrap());
    if printed.contains("Operation not permitted") {
        return println!("skipped: this user cannot make such a sandbox");
    }
    assert!(printed.contains(what), "{printed}");
}
