//! What a sandbox keeps from the tests.

use std::path::Path;
use std::time::Duration;

use mirakuru_rstest::{Banner, Executor};
use mirakuru_tests::test_process::{self, playing, run_by};
use mirakuru_tests::{alive, bin, eventually, need};
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

/// Starts a server that answers over HTTP, and prints why it does not start.
#[test]
fn plays_a_request() {
    if test_process::role().is_some() {
        let server = Executor::new([bin!("mk-http-server"), "{port}"]);
        let server = server.http("http://127.0.0.1:{port}/").timeout(Duration::from_millis(500));
        println!("{:?}", server.start().unwrap_err());
    }
}

#[test]
fn a_loopback_interface_that_is_down_is_named_with_what_puts_it_up() {
    if need("unshare").is_none() {
        return;
    }
    let test = playing("sandboxes::plays_a_request", "starts");
    let output = run_by(&["unshare", "--net", "--map-root-user"], &test).output().unwrap();
    let printed = test_process::printed(&output);
    if printed.contains("Operation not permitted") {
        return println!("skipped: this user cannot make such a sandbox");
    }
    assert!(printed.contains("; the loopback interface is down (checked "), "{printed}");
    assert!(printed.contains("help: nothing on this machine can be connected to"), "{printed}");
    assert!(printed.contains("`ip link set lo up`"), "{printed}");
}

/// Starts two servers, each with a child in its process group and one that has left it.
#[test]
fn plays_servers_that_leave_children_behind() {
    if test_process::role().is_none() {
        return;
    }
    let script = "sleep 300 & echo $!; setsid sleep 300 & echo $!; exec sleep 300";
    let both = Banner::new(r"\d+").times(2);
    for _ in 0..2 {
        let mut server = Executor::shell(script).output(both.clone()).start().unwrap();
        let log = server.log().read().unwrap();
        server.stop().unwrap();
        for pid in log.lines().map(|line| line.parse::<u32>().unwrap()) {
            eventually(Duration::from_secs(1), || !alive(pid));
        }
        println!("nothing is left");
    }
}

#[rstest]
#[case("subreaper")]
#[case("subreaper,pidfd")]
fn a_kernel_without_subreapers_costs_one_line_and_leaves_nothing(#[case] calls: &str) {
    let test = playing("sandboxes::plays_servers_that_leave_children_behind", "starts");
    let words = [bin!("mk-refuse").as_ref(), Path::new(calls)];
    let printed = test_process::printed(&run_by(&words, &test).output().unwrap());
    assert_eq!(printed.matches("nothing is left").count(), 2, "{printed}");
    assert_eq!(printed.matches("refuses PR_SET_CHILD_SUBREAPER").count(), 1, "{printed}");
}
