//! The sender of a `sd_notify` message, which only Linux reports.
#![cfg(not(mirakuru_fallback))]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::thread;

use mirakuru_rstest::{Attempt, ErrorKind, Executor};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports};
use mirakuru_tests::{alive, as_other_user, bin, eventually, scratch_dir};
use nix::unistd::{Uid, User};

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

/// A probe that runs a program which sends `READY=1` to the server's socket and exits.
fn ready_by(command: Vec<&'static str>) -> impl Fn(&Attempt<'_>) -> bool + Send + Sync {
    move |attempt| {
        let path = attempt.dir().unwrap().join("name");
        let name = fs::read_to_string(path).unwrap_or_default();
        let Some(socket) = name.strip_suffix('\n') else { return false };
        let mut sender = Command::new(command[0]);
        let sent = sender.args(&command[1..]).env("NOTIFY_SOCKET", socket).status().unwrap();
        assert!(sent.success());
        true
    }
}

/// A server that says nothing, and is called ready by a process that has exited before it is heard.
fn called_ready_by(command: Vec<&'static str>) -> Executor {
    let script = "echo \"$NOTIFY_SOCKET\" > {dir}/name; exec sleep 300";
    Executor::shell(script).probe(ready_by(command)).notify()
}

#[test]
fn what_a_process_has_said_that_is_gone_counts_if_it_was_of_our_user() {
    called_ready_by(vec![bin!("mk-notify"), "--is-child", "READY=1"]).timeout(LONG).start_soon();
}

#[test]
fn what_a_process_of_another_user_has_said_does_not_count_when_it_is_gone() {
    let Some(other_user) = as_other_user(bin!("mk-notify")) else { return };
    for message in ["READY=1", "ERRNO=28", "EXTEND_TIMEOUT_USEC=20000000"] {
        let sender = [other_user, &[bin!("mk-notify"), "--is-child", message]].concat();
        let error = fails(&called_ready_by(sender).timeout(SHORT * 3), ErrorKind::Timeout);
        reports(&error, &["is not one of its processes"]);
    }
}

#[test]
fn what_a_process_has_said_that_is_gone_counts_if_the_server_has_its_user() {
    let Some(other_user) = as_other_user(bin!("mk-notify")) else { return };
    let sender = [other_user, &[bin!("mk-notify"), "--is-child", "READY=1"]].concat();
    let user = User::from_uid(Uid::from_raw(65534)).unwrap().unwrap();
    called_ready_by(sender).user(user.name).timeout(LONG).start_soon();
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
