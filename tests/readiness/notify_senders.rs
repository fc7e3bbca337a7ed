//! The sender of a `sd_notify` message, which only Linux reports.
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

/// Lets the launcher exit. This probe comes after `notify`, so the message has been received.
fn launcher_has_ended(attempt: &Attempt<'_>) -> bool {
    fs::write(attempt.dir().unwrap().join("go"), "").unwrap();
    let program = fs::read_link(format!("/proc/{}/exe", attempt.pid())).unwrap_or_default();
    alive(attempt.pid()) && program.to_str() == Some(bin!("mk-notify"))
}

#[test]
fn what_a_stranger_says_does_not_count() {
    let dir = scratch_dir();
    let name = dir.join("name");
    let script = "echo \"$NOTIFY_SOCKET\" > \"$NAME_FILE\"; exec sleep 300";
    let executor = Executor::shell(script).env("NAME_FILE", &name).notify().timeout(SHORT * 3);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            let path = || fs::read_to_string(&name).unwrap_or_default().trim_end().to_owned();
            eventually(LONG, || !path().is_empty());
            UnixDatagram::unbound().unwrap().send_to(b"READY=1", path()).unwrap();
        });
        fails(&executor, ErrorKind::Timeout)
    });
    reports(&error, &["is not one of its processes", &format!("pid {}", std::process::id())]);
}
