//! A Unix socket that takes connections or datagrams.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use mirakuru_core::{Attempt, ErrorKind, Executor, Process};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, mark, nothing_left, reports};
use mirakuru_tests::{bin, need, scratch_dir};

fn server(options: &[&str]) -> Executor {
    let server = Executor::new([bin!("mk-unix-server"), "{dir}/socket"]).args(options);
    server.unix_socket("{dir}/socket").timeout(LONG)
}

#[test]
fn a_bound_socket_that_does_not_listen_is_not_ready() {
    let process = server(&["--delay", "200"]).start_when_ready();
    assert!(process.is_running());
    UnixStream::connect(process.dir().join("socket")).unwrap();
}

#[test]
fn a_socket_that_never_listens_is_a_timeout() {
    let mark = mark();
    let server = server(&["--delay", "60000", "--mark", &mark]).timeout(SHORT);
    reports(&fails(&server, ErrorKind::Timeout), &["/socket", "no process listens on it"]);
    nothing_left(&mark);
}

/// Panics unless the next client of the server is served.
fn serves(process: &Process) {
    let mut client = UnixStream::connect(process.dir().join("socket")).unwrap();
    client.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_server_of_one_client_still_has_it() {
    serves(&server(&["--once"]).start_when_ready());
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_server_of_one_client_still_has_it_where_a_file_was_left() {
    let dir = scratch_dir();
    let path = dir.join("socket");
    for _ in 0..5 {
        let _ = fs::remove_file(&path); // The server has left one.
        drop(UnixListener::bind(&path).unwrap());
        let server = Executor::new([bin!("mk-unix-server"), "--once", "--delay", "20"]).arg(&path);
        let process = server.unix_socket(&path).timeout(LONG).start_soon();
        let mut client = UnixStream::connect(&path).unwrap();
        client.write_all(b"ping").unwrap();
        client.read_exact(&mut [0; 4]).unwrap();
        drop(process);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn an_executor_can_ask_for_a_connection() {
    let executor = server(&["--once"]).connect(true).probe(|_: &Attempt<'_>| false);
    let error = fails(&executor, ErrorKind::Exited);
    reports(&error, &["exited with code 0"]);
}

#[test]
fn a_socket_for_datagrams_is_ready_when_it_is_bound() {
    server(&["--type", "datagram"]).start_when_ready();
}

#[test]
fn a_socket_for_packets_is_ready_when_it_listens() {
    server(&["--type", "seqpacket", "--delay", "100"]).start_when_ready();
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn an_abstract_name_is_waited_for_like_a_file() {
    for kind in ["stream", "datagram", "seqpacket"] {
        let words = [bin!("mk-unix-server"), "@{dir}/socket", "--type", kind];
        let server = Executor::new(words).unix_socket("@{dir}/socket").timeout(LONG);
        let first = server.start_when_ready();
        let name = first.render("@{dir}/socket").unwrap();
        let error = fails(&Executor::new("sleep 300").unix_socket(name), ErrorKind::AlreadyRunning);
        reports(&error, &[&format!("pid {}", first.pid())]);
    }
    let error = fails(&server(&[]).unix_socket("@{dir}/other").timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["the Unix socket @", "/other", "no process listens on it"]);
}

#[test]
fn what_cannot_be_a_socket_is_refused() {
    for path in ["@", "/", "{dir}/.."] {
        fails(&Executor::new("sleep 300").unix_socket(path), ErrorKind::InvalidInput);
    }
    let name = format!("@{}", "x".repeat(108));
    let error = fails(&Executor::new("sleep 300").unix_socket(name), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("@xxx"), "{error}");
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_second_server_on_a_socket_is_refused_without_a_word_about_ports() {
    let first = server(&[]).start_when_ready();
    let path = first.dir().join("socket");
    let second = Executor::new([bin!("mk-unix-server")]).arg(&path).unix_socket(&path);
    let error = fails(&second, ErrorKind::AlreadyRunning);
    let text = error.to_string();
    assert!(text.contains("already running") && text.contains("/socket"), "{text}");
    assert!(text.contains(&format!("pid {}", first.pid())), "{text}");
    assert!(!text.contains(" port"), "{text}");
    UnixStream::connect(path).unwrap();
}

/// Starts a process that listens and leaves the socket to a child. That ends when its input is closed.
fn left_to_a_child(path: &Path) -> (Child, String) {
    let mut server = Command::new(bin!("mk-unix-server"));
    let server = server.arg(path).arg("--leave").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = server.spawn().unwrap();
    let mut output = server.stdout.take().unwrap();
    let (mut said, mut bytes) = (String::new(), [0; 256]);
    // The child has the output open, so this is not read to its end.
    while !said.contains("child ") || !said.ends_with('\n') {
        let length = output.read(&mut bytes).unwrap();
        said.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
    }
    // `wait` would close the input, which is the child's now.
    let input = server.stdin.take();
    assert!(server.wait().unwrap().success());
    server.stdin = input;
    let child = said.lines().find_map(|line| line.strip_prefix("child ")).unwrap();
    let pid = format!("pid {child}");
    (server, pid)
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_strangers_socket_is_not_ours_when_the_one_that_called_listen_has_ended() {
    let dir = scratch_dir();
    let path = dir.join("socket");
    let (keep, pid) = left_to_a_child(&path);
    let error = fails(&Executor::new("sleep 300").unix_socket(&path), ErrorKind::AlreadyRunning);
    reports(&error, &["already running", &pid]);
    drop(keep);

    let path = dir.join("later");
    let left = Mutex::new(None);
    let begin = {
        let path = path.clone();
        move |_: &Attempt<'_>| {
            left.lock().unwrap().get_or_insert_with(|| left_to_a_child(&path));
            true
        }
    };
    let executor = Executor::new("sleep 300").probe(begin).unix_socket(&path).timeout(LONG);
    reports(&fails(&executor, ErrorKind::AlreadyRunning), &["another process, pid", "`cat`"]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_socket_that_a_launcher_leaves_to_a_child_is_ours() {
    server(&["--leave"]).stdin(mirakuru_core::Stdin::Piped).start_when_ready();
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_server_in_another_network_namespace_is_found_by_its_file() {
    let Some(unshare) = need("unshare") else { return };
    let can = Command::new(&unshare).args(["-n", "true"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        println!("skipped: this user cannot make a network namespace");
        return;
    }
    let words = [unshare.to_str().unwrap(), "-n", bin!("mk-unix-server"), "{dir}/socket"];
    let server = Executor::new(words).args(["--delay", "100"]).unix_socket("{dir}/socket");
    serves(&server.timeout(LONG).start_when_ready());
}
