//! `sd_notify`: messages of the server about its state.

use std::fs;
use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor, Process};
#[cfg(not(mirakuru_fallback))]
use mirakuru_tests::starting::kill_supervisor;
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports, restart_when_ready, soon};
use mirakuru_tests::{bin, need};

fn says(messages: &[&str]) -> Executor {
    Executor::new([bin!("mk-notify")]).args(messages.iter().copied()).notify().timeout(LONG)
}

#[test]
fn ready_is_what_the_server_says() {
    says(&["READY=1"]).start_when_ready();
    says(&["STATUS=on its way", "pause=100", "STATUS=there\\nREADY=1"]).start_when_ready();
}

#[test]
fn ready_may_come_from_a_child_that_has_ended() {
    says(&["--by-child", "READY=1"]).start_when_ready();
}

#[test]
fn other_messages_are_not_ready_and_the_status_is_reported() {
    let executor = says(&["READY=0", "WATCHDOG=1", "nonsense", "", "STATUS=loading 7 of 9"]);
    let error = fails(&executor.timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["READY=1 by sd_notify", "its status is `loading 7 of 9`"]);
}

#[test]
fn a_server_that_says_nothing_is_not_ready() {
    let error = fails(&Executor::new("sleep 300").notify().timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["has not sent any message"]);
}

#[test]
fn an_errno_ends_the_wait_with_its_text() {
    let error = fails(&says(&["STATUS=no disk\\nERRNO=28"]), ErrorKind::Failed);
    reports(&error, &["No space left", "no disk"]);
    let error = fails(&says(&["ERRNO=28\\nSTATUS=no disk"]), ErrorKind::Failed);
    reports(&error, &["No space left", "no disk"]);
    says(&["ERRNO=0", "READY=1"]).start_when_ready();
}

#[test]
fn a_server_may_ask_for_more_time_than_its_limit() {
    let more = "EXTEND_TIMEOUT_USEC=10000000";
    let slow = ["pause=50", more, "pause=600", "READY=1"];
    says(&slow).timeout(SHORT).start_when_ready();
    // It can extend the limit, not shorten it.
    says(&["EXTEND_TIMEOUT_USEC=1", "pause=100", "READY=1"]).start_when_ready();
}

#[test]
fn a_server_that_goes_on_speaking_does_not_stand_still() {
    // Far more messages than the kernel queues.
    let executor = says(&["READY=1", "--flood", "5000"]);
    let mut process = executor.start_when_ready();
    process.log().wait_for("sent all", LONG).unwrap();
    soon(|| process.stop()).unwrap();
}

#[test]
fn what_a_server_says_is_heard_while_another_condition_is_waited_for() {
    // More messages than the kernel queues, and a request for more time.
    let mut messages = vec!["EXTEND_TIMEOUT_USEC=10000000"];
    messages.extend(["WATCHDOG=1"; 600]);
    messages.extend(["pause=500", "READY=1"]);
    let server = Executor::new([bin!("mk-notify")]).args(messages);
    server.output("sent all").notify().timeout(SHORT).start_when_ready();
}

#[test]
fn each_start_waits_for_its_own_word() {
    let once = "if [ -e {dir}/once ]; then exec sleep 300; fi; : > {dir}/once; exec ";
    let script = format!("{once}{} READY=1", bin!("mk-notify"));
    let mut process =
        Executor::shell(script).notify().timeout(Duration::from_secs(1)).start_when_ready();
    assert_eq!(process.restart().unwrap_err().kind(), ErrorKind::Timeout);
}

#[test]
fn the_socket_is_gone_with_the_process() {
    let mut process = says(&["READY=1"]).start_when_ready();
    let path = socket_of(&process);
    assert!(fs::exists(&path).unwrap());
    restart_when_ready(&mut process);
    drop(process);
    assert!(!fs::exists(path).unwrap());
}

/// Returns the name of the socket that a process sends its messages to.
fn socket_of(process: &Process) -> String {
    let environ = fs::read(format!("/proc/{}/environ", process.pid())).unwrap();
    let environ = String::from_utf8_lossy(&environ).into_owned();
    let path = environ.split('\0').find_map(|it| it.strip_prefix("NOTIFY_SOCKET="));
    path.unwrap().to_owned()
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_supervisor_that_is_killed_leaves_no_socket_that_is_in_the_way() {
    let mut process = says(&["READY=1"]).start_when_ready();
    let path = socket_of(&process);
    kill_supervisor(&process);
    process.restart().unwrap();
    assert_eq!(socket_of(&process), path);
    kill_supervisor(&process);
    drop(process);
    assert!(!fs::exists(path).unwrap());
}

#[test]
fn systemd_notify_works_from_a_shell() {
    let Some(tool) = need("systemd-notify") else { return };
    let ready = "sleep 0.05; : > $READY_MARK";
    let script = format!("{ready}; {} --ready --status=up; exec sleep 300", tool.display());
    Executor::shell(script).notify().timeout(LONG).start_when_ready();
}
