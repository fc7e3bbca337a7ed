//! Stops: which processes get the stop signal, which are killed, and when.

use std::time::{Duration, Instant};

use mirakuru_rstest::{Executor, Process};
use mirakuru_tests::{alive, bin, eventually, processes_with_mark};

/// Returns the processes that a program has reported as its children.
fn children(process: &Process) -> Vec<i32> {
    let log = process.log().read().unwrap();
    log.lines().filter_map(|line| line.strip_prefix("child ")?.parse().ok()).collect()
}

/// A server with children, in sessions of their own unless they could escape by that.
fn tree(options: &[&str]) -> Executor {
    let tree = Executor::new([bin!("mk-tree")]).args(options).output("^ready$");
    if cfg!(mirakuru_fallback) { tree } else { tree.arg("--setsid") }
}

#[test]
fn a_server_that_needs_time_to_stop_gets_it() {
    let slow = Executor::new([bin!("mk-signals"), "--stop-ms", "400"]).output("ready");
    let mut process = slow.start().unwrap();
    let exit = process.stop().unwrap();
    assert!(exit.success() && !exit.was_killed(), "{exit}");
}

#[test]
fn a_server_that_takes_too_long_is_killed_when_its_time_is_over() {
    let limit = Duration::from_millis(200);
    let stubborn = Executor::new([bin!("mk-signals"), "--ignore", "TERM"]).output("ready");
    let mut process = stubborn.stop_timeout(limit).start().unwrap();
    let began = Instant::now();
    let exit = process.stop().unwrap();
    assert!(exit.was_killed(), "{exit}");
    assert!(began.elapsed() >= limit && began.elapsed() < 10 * limit, "{:?}", began.elapsed());
}

#[test]
fn what_a_main_process_leaves_is_asked_too_before_it_is_killed() {
    let mut process = tree(&["--children", "3"]).start().unwrap();
    let children = children(&process);
    assert_eq!(children.len(), 3);
    let exit = process.stop().unwrap();
    assert!(!exit.was_killed(), "children that obey SIGTERM were killed");
    assert!(!children.iter().any(alive));
}

#[test]
fn a_child_that_ignores_the_signal_is_killed_though_its_parent_obeys() {
    let executor = tree(&["--children", "2", "--child-ignores-term"]);
    let mut process = executor.stop_timeout(Duration::from_millis(200)).start().unwrap();
    let children = children(&process);
    let exit = process.stop().unwrap();
    assert!(exit.was_killed() && exit.code() == Some(0), "{exit}");
    assert!(!children.iter().any(alive));
}

#[test]
fn kill_does_not_wait_for_a_graceful_end() {
    let mark = format!("kill-{}", std::process::id());
    let options = ["--children", "5", "--grandchildren", "5", "--ignore-term", "--mark", &mark];
    let mut process = tree(&options).start().unwrap();
    assert!(processes_with_mark(&mark).len() > 30);
    let began = Instant::now();
    let exit = process.kill().unwrap();
    assert!(exit.signal().is_some() && !exit.was_killed(), "{exit}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(process);
    assert_eq!(processes_with_mark(&mark), []);
}

#[test]
fn a_paused_tree_can_be_stopped_in_order() {
    let mut process = tree(&["--children", "3"]).start().unwrap();
    process.pause().unwrap();
    let exit = process.stop().unwrap();
    assert!(exit.success() && !exit.was_killed(), "{exit}");
}

#[test]
fn a_server_inherits_three_descriptors() {
    // A descriptor that a careless library left inheritable.
    let inheritable = std::fs::File::open("/dev/null").unwrap();
    nix::fcntl::fcntl(&inheritable, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))
        .unwrap();
    let process = Executor::new([bin!("mk-fds"), "--stay"]).output("^ready$").start().unwrap();
    assert_eq!(process.log().read().unwrap().trim(), "ready");
}

#[test]
fn a_supervisor_holds_nothing_of_the_test_open() {
    let held = std::fs::File::open("/dev/zero").unwrap();
    nix::fcntl::fcntl(&held, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let process = Executor::new("sleep 300").start().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let supervisor = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim();
    let targets = || {
        let fds = std::fs::read_dir(format!("/proc/{supervisor}/fd")).unwrap().flatten();
        let mut targets: Vec<_> = fds
            .filter_map(|fd| {
                Some(std::fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned())
            })
            .map(|target| target.split(':').next().unwrap().to_owned())
            .collect();
        // A pidfd watches the test process; `/dev/null` keeps descriptor numbers free for the server.
        targets.retain(|target| target != "anon_inode" && target != "/dev/null");
        targets.sort();
        targets
    };
    let log = process.log().path().to_string_lossy().into_owned();
    // The log of three descriptors, the pipes for signals and for output, the control socket twice.
    let expected = [&[log.as_str(); 3][..], &["pipe"; 4], &["socket"; 2]].concat();
    // It may still look at the memory that the ready server has mapped.
    eventually(Duration::from_secs(20), || targets() == expected);
}
