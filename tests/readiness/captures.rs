//! Captured values: placeholders that get their value from the output.

use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;

use mirakuru_rstest::{Attempt, ErrorKind, Executor, Shared};
#[cfg(not(mirakuru_fallback))]
use mirakuru_tests::starting::kill_supervisor;
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports, restart_when_ready};
use mirakuru_tests::{bin, http_get};

const LISTENING: &str = r"^listening on (?<host>[0-9.]+):(?<port>\d+)$";

fn chooses_its_port() -> Executor {
    let server = Executor::new([bin!("mk-http-server"), "0"]).output(LISTENING);
    server.http("http://{host}:{port}/").timeout(LONG)
}

#[test]
fn what_a_group_matches_is_a_placeholder_from_then_on() {
    let process = chooses_its_port().start_when_ready();
    assert_ne!(process.port(), 0);
    assert_eq!(process.render("{host}:{port}").unwrap(), process.addr().to_string());
    assert_eq!(http_get(&process.url()).0, 200);
}

#[test]
fn a_restart_captures_again() {
    let mut process = chooses_its_port().start_when_ready();
    for _ in 0..3 {
        restart_when_ready(&mut process);
        let (_, pid) = http_get(&process.render("http://{host}:{port}/pid").unwrap());
        assert_eq!(pid, process.pid().to_string());
        assert_eq!(process.addr().port(), process.port());
    }
}

#[test]
fn a_port_has_the_name_of_its_group() {
    let script = r"sleep 0.05; : > $READY_MARK; echo 'admin at 1, data at 2'; exec sleep 300";
    let banner = r"admin at (?<admin>\d+), data at (?<data>\d+)";
    let process = Executor::shell(script).output(banner).timeout(LONG).start_when_ready();
    assert_eq!((process.port_named("admin"), process.port_named("data")), (1, 2));
    let error = process.render("{user}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn half_a_line_does_not_give_half_a_number() {
    let script = "printf 'port 1'; sleep 0.1; : > $READY_MARK; echo 234; exec sleep 300";
    let process =
        Executor::shell(script).output(r"port (?<port>\d+)").timeout(LONG).start_when_ready();
    assert_eq!(process.port(), 1234);
}

#[test]
fn what_is_known_late_cannot_stand_in_what_is_needed_early() {
    let banner = || Executor::new("sleep 300").output(LISTENING);
    for executor in [
        banner().arg("{port}"),
        banner().env("PORT", "{port}"),
        banner().current_dir("/{host}"),
        banner().listen("{host}:80"),
    ] {
        let error = fails(&executor, ErrorKind::InvalidInput);
        reports(&error, &["gets its value from the output"]);
    }
    let unknown = fails(&banner().tcp("{hots}:{port}"), ErrorKind::InvalidInput);
    reports(&unknown, &["unknown placeholder `{hots}`"]);
    let taken = Executor::new("sleep 300").output("(?<dir>x)");
    reports(&fails(&taken, ErrorKind::InvalidInput), &["group", "`dir`"]);
}

#[test]
fn a_probe_of_ones_own_knows_what_is_captured() {
    let connects = |attempt: &Attempt<'_>| {
        let address = attempt.render("{host}:{port}").expect("it is known by now");
        TcpStream::connect(address).map(drop)
    };
    let server = Executor::new([bin!("mk-http-server"), "0"]).probe(connects).output(LISTENING);
    server.timeout(LONG).start_when_ready();
}

#[test]
fn what_is_captured_is_checked_as_if_it_were_written() {
    let script = "echo 'port 99999'; exec sleep 300";
    let executor = Executor::shell(script).output(r"port (?<port>\d+)").tcp("127.0.0.1:{port}");
    let error = fails(&executor.timeout(SHORT), ErrorKind::InvalidInput);
    reports(&error, &["99999", "not a port"]);
}

static SESSION: Shared =
    Shared::new(|| chooses_its_port().name("captured")).scope(mirakuru_rstest::Scope::Session);

#[test]
fn leases_see_the_captured_values_also_after_a_restart() {
    let before = SESSION.lease().unwrap().port();
    let mut exclusive = SESSION.exclusive().unwrap();
    exclusive.restart().unwrap();
    let (port, pid) = (exclusive.port(), exclusive.pid());
    drop(exclusive);
    let lease = SESSION.lease().unwrap();
    assert_eq!(lease.port(), port, "it was {before} before");
    assert_eq!(http_get(&lease.render("http://{host}:{port}/pid").unwrap()).1, pid.to_string());
}

static WAITED_FOR: Shared =
    Shared::new(|| chooses_its_port().name("waited-for")).scope(mirakuru_rstest::Scope::Session);

#[test]
fn a_lease_that_waited_sees_the_values_captured_meanwhile() {
    for _ in 0..5 {
        let mut exclusive = WAITED_FOR.exclusive().unwrap();
        thread::scope(|scope| {
            let (asks, is_asked) = mpsc::channel();
            let waiting = scope.spawn(move || {
                asks.send(()).unwrap();
                let lease = WAITED_FOR.lease().unwrap();
                (lease.port(), http_get(&lease.render("http://{host}:{port}/pid").unwrap()).1)
            });
            is_asked.recv().unwrap();
            exclusive.restart().unwrap();
            let restarted = (exclusive.port(), exclusive.pid().to_string());
            drop(exclusive);
            assert_eq!(waiting.join().unwrap(), restarted);
        });
    }
}

#[cfg(not(mirakuru_fallback))]
static LOST: Shared =
    Shared::new(|| chooses_its_port().name("lost")).scope(mirakuru_rstest::Scope::Session);

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_lease_that_lost_its_supervisor_publishes_nothing() {
    let mut lost = LOST.exclusive().unwrap();
    kill_supervisor(&lost);
    lost.restart().unwrap();
    let next = LOST.lease().unwrap();
    assert_ne!(next.pid(), lost.pid());
    lost.restart().unwrap();
    let same = LOST.lease().unwrap();
    assert_eq!((same.pid(), same.port()), (next.pid(), next.port()));
}
