//! Who has sent a message by `sd_notify`, which Linux alone tells.
#![cfg(not(mirakuru_fallback))]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::thread;

use mirakuru_rstest::{Attempt, ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports};
use mirakuru_tests::{alive, bin, eventually, scratch_dir};

#[test]
fn of_those_that_a_launcher_leaves_the_one_that_is_named_is_the_main_process() {
    let notify = bin!("mk-notify");
    let script = format!(
        "sleep 300 & {notify} 'MAINPID={{{{pid}}}}' READY=1 & \
         until [ -e {{dir}}/go ]; do sleep 0.01; done"
    );
    let mut process =
        Executor::shell(script).notify().probe(launcher_has_ended).timeout(LONG).start_when_ready();
    let program = fs::read_link(format!("/proc/{}/exe", process.pid())).unwrap();
    assert_eq!(program.to_str(), Some(notify));
    process.stop().unwrap();
}

/// Lets the launcher end, which is not asked before what was said has been heard.
fn launcher_has_ended(attempt: &Attempt<'_>) -> bool {
    fs::write(attempt.dir().unwrap().join("go"), "").unwrap();
    let program = fs::read_link(format!("/proc/{}/exe", attempt.pid())).unwrap_or_default();
    alive(attempt.pid()) && program.to_str() == Some(bin!("mk-notify"))
}

#[test]
fn what_a_stranger_says_does_not_count() {
    let dir = scratch_dir();
    let told = dir.join("told");
    let script = "echo \"$NOTIFY_SOCKET\" > \"$TOLD\"; exec sleep 300";
    let executor = Executor::shell(script).env("TOLD", &told).notify().timeout(SHORT * 3);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            let path = || fs::read_to_string(&told).unwrap_or_default().trim_end().to_owned();
            eventually(LONG, || !path().is_empty());
            UnixDatagram::unbound().unwrap().send_to(b"READY=1", path()).unwrap();
        });
        fails(&executor, ErrorKind::Timeout)
    });
    reports(&error, &["is not one of its processes", &format!("pid {}", std::process::id())]);
}
