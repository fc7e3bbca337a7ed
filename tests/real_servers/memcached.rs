//! memcached: threads instead of children, a user to change to, no data on disk.

use std::fs;
use std::io::{Read, Write};

use mirakuru_rstest::{ErrorKind, Executor, Result, Signal};
use mirakuru_tests::{eventually, need};
use nix::sys::signal::{Signal::SIGKILL as KILL, kill};
use nix::unistd::Pid;
use rstest::rstest;

use crate::{Client, LIMIT, assert_gone, is_root, refuses, refuses_unix, tree};

/// It refuses to run as root, and ignores the option if it does not.
fn memcached(user: &str) -> Option<Executor> {
    Some(Executor::new([need("memcached")?]).args(["-t", "2", "-u", user]))
}

fn on_tcp(user: &str) -> Option<Executor> {
    let options = ["-l", "127.0.0.1", "-p", "{port}", "-U", "0"];
    Some(memcached(user)?.args(options).tcp("127.0.0.1:{port}"))
}

fn on_unix_socket() -> Option<Executor> {
    // The directory belongs to the user who runs the tests, and only that user can create a socket
    // there.
    let options = ["-s", "{dir}/cache.sock", "-a", "0700"];
    Some(memcached("root")?.args(options).unix_socket("{dir}/cache.sock"))
}

/// Sends a command, and returns the lines of the answer except the last one.
#[track_caller]
fn ask(client: &mut Client<impl Read + Write>, command: &str) -> (Vec<String>, String) {
    client.send(&format!("{command}\r\n"));
    let mut lines = Vec::new();
    loop {
        let line = client.line();
        match line.split(' ').next() {
            Some("VALUE" | "STAT") => lines.push(line),
            _ if lines.last().is_some_and(|last| last.starts_with("VALUE")) => lines.push(line),
            _ => return (lines, line),
        }
    }
}

#[track_caller]
fn store(client: &mut Client<impl Read + Write>, key: &str, value: &str) {
    let set = format!("set {key} 0 0 {}\r\n{value}", value.len());
    assert_eq!(ask(client, &set).1, "STORED");
}

#[track_caller]
fn fetch(client: &mut Client<impl Read + Write>, key: &str) -> Option<String> {
    let (lines, last) = ask(client, &format!("get {key}"));
    assert_eq!(last, "END");
    lines.into_iter().nth(1)
}

#[test]
fn answers_on_its_port_and_exits_with_0() -> Result<()> {
    let Some(memcached) = on_tcp("nobody") else { return Ok(()) };
    let mut memcached = memcached.start()?;
    let mut client = Client::tcp(memcached.addr());
    assert_eq!(fetch(&mut client, "key"), None);
    store(&mut client, "key", "value");
    assert_eq!(fetch(&mut client, "key").as_deref(), Some("value"));
    assert!(ask(&mut client, "version").1.starts_with("VERSION "));

    let pids = tree(&memcached);
    let exit = memcached.stop()?;
    assert_eq!((exit.code(), exit.was_killed()), (Some(0), false));
    assert_eq!(client.line(), "", "the connection is closed");
    assert_gone(&pids);
    Ok(())
}

#[test]
fn its_pid_is_the_one_that_it_tells() -> Result<()> {
    let Some(memcached) = on_tcp("nobody") else { return Ok(()) };
    let memcached = memcached.start()?;
    let (stats, _) = ask(&mut Client::tcp(memcached.addr()), "stats");
    assert!(stats.contains(&format!("STAT pid {}", memcached.pid())), "{stats:?}");
    Ok(())
}

#[test]
fn refuses_while_it_is_stopped_and_is_empty_after() -> Result<()> {
    let Some(memcached) = on_tcp("nobody") else { return Ok(()) };
    let mut memcached = memcached.start()?;
    let (addr, pids) = (memcached.addr(), tree(&memcached));
    store(&mut Client::tcp(addr), "key", "value");
    let refused = memcached.stopped(|| {
        assert_gone(&pids);
        refuses(addr)
    })?;
    assert!(refused);
    assert_eq!(fetch(&mut Client::tcp(memcached.addr()), "key"), None);
    assert_eq!(memcached.addr(), addr);
    Ok(())
}

#[test]
fn answers_on_its_unix_socket_also_when_a_crash_has_left_the_file() -> Result<()> {
    let Some(memcached) = on_unix_socket() else { return Ok(()) };
    let mut memcached = memcached.start()?;
    let socket = memcached.dir().join("cache.sock");
    store(&mut Client::unix(&socket), "key", "value");
    assert!(memcached.stopped(|| refuses_unix(&socket))?);
    store(&mut Client::unix(&socket), "key", "value");

    memcached.kill()?;
    assert!(socket.exists() && refuses_unix(&socket));
    memcached.restart()?;
    assert_eq!(fetch(&mut Client::unix(&socket), "key"), None);

    let (pids, dir) = (tree(&memcached), memcached.dir().to_owned());
    drop(memcached);
    assert_gone(&pids);
    assert!(!dir.exists());
    Ok(())
}

#[test]
fn two_of_one_executor_share_nothing() -> Result<()> {
    let Some(memcached) = on_tcp("nobody") else { return Ok(()) };
    let (one, other) = (memcached.start()?, memcached.start()?);
    assert_ne!(one.addr(), other.addr());
    store(&mut Client::tcp(one.addr()), "key", "value");
    assert_eq!(fetch(&mut Client::tcp(other.addr()), "key"), None);
    drop(one);
    store(&mut Client::tcp(other.addr()), "key", "other");
    Ok(())
}

#[test]
fn a_graceful_shutdown_by_another_signal_is_a_stop_too() -> Result<()> {
    let Some(memcached) = on_tcp("nobody") else { return Ok(()) };
    let mut memcached = memcached.stop_signal(Signal::USR1).start()?;
    assert!(memcached.stop()?.success());
    let log = memcached.log().read()?;
    assert!(log.contains("Gracefully stopping"), "{log}");
    Ok(())
}

#[test]
fn as_root_without_a_user_it_says_why_it_ends() {
    let Some(memcached) = need("memcached") else { return };
    if !is_root() {
        return println!("skipped: for root only");
    }
    let options = ["-l", "127.0.0.1", "-p", "{port}"];
    let memcached = Executor::new([memcached]).args(options).tcp("127.0.0.1:{port}");
    let error = memcached.timeout(LIMIT * 60).start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exited);
    assert!(format!("{error:?}").contains("can't run as root without the -u switch"), "{error:?}");
}

#[rstest]
#[case::that_stays_what_it_was("root")]
#[case::that_becomes_another_user("nobody")]
fn a_kill_reaches_one_whose_supervisor_was_killed_before(#[case] user: &str) -> Result<()> {
    let Some(memcached) = on_tcp(user) else { return Ok(()) };
    let mut memcached = memcached.start()?;
    let old = tree(&memcached);
    let status = fs::read_to_string(format!("/proc/{}/status", memcached.pid())).unwrap();
    let supervisor = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap();
    kill(Pid::from_raw(supervisor.parse().unwrap()), KILL).unwrap();

    eventually(LIMIT, || !memcached.is_running());
    memcached.kill()?;
    assert_gone(&old);
    Ok(())
}
