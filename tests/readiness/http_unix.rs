//! A URL that is requested through a Unix socket.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process;

use mirakuru_core::{ErrorKind, Executor};
use mirakuru_tests::starting::{SHORT, fails, reports};
use mirakuru_tests::{bin, scratch_dir};

/// A server on a socket that does not speak HTTP: it echoes what it receives.
fn echo(delay: &str) -> Executor {
    let words = [bin!("mk-unix-server"), "{dir}/socket", "--delay", delay];
    Executor::new(words).timeout(SHORT)
}

#[test]
fn a_missing_socket_and_one_that_does_not_listen_are_distinguished() {
    let missing = echo("0").http("http://unix:{dir}/other:/health");
    let error = fails(&missing, ErrorKind::Timeout);
    reports(&error, &["waited for: HEAD http://unix:/", "/other:/health", "no such file"]);

    let deaf = echo("60000").http("http://unix:{dir}/socket:/health");
    reports(&fails(&deaf, ErrorKind::Timeout), &["/socket:/health", "no process listens on it"]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_file_that_is_not_there_is_not_polled_for() {
    let error = fails(&echo("0").http("http://unix:{dir}/other"), ErrorKind::Timeout);
    let report = format!("{error:?}");
    let times = report.split("checked ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(times.parse::<u32>().unwrap() < 30, "{report}");
}

#[test]
fn what_comes_from_a_socket_and_is_no_http_is_called_so() {
    let error = fails(&echo("0").http("http://unix:{dir}/socket"), ErrorKind::Timeout);
    reports(&error, &["the answer is not HTTP"]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_on_the_socket_is_named() {
    let dir = scratch_dir();
    let path = dir.join("socket");
    let url = format!("http://unix:{}:/", path.display());
    let own_pid = format!("pid {}", process::id());

    let listener = UnixListener::bind(&path).unwrap();
    let error = fails(&Executor::new("sleep 300").http(&url), ErrorKind::AlreadyRunning);
    reports(&error, &["already running", &own_pid, "/socket is listened on by"]);

    // A listener that appears after the start does not count either.
    drop(listener);
    fs::remove_file(&path).unwrap();
    let bind = path.clone();
    let listens = move |_: &mirakuru_core::Attempt<'_>| {
        std::mem::forget(UnixListener::bind(&bind)); // For the life of this test process.
        true
    };
    let late = Executor::new("sleep 300").probe(listens).http(&url);
    let error = fails(&late, ErrorKind::AlreadyRunning);
    reports(&error, &["is listened on by another process", &own_pid]);
}
