//! A condition held before the start, or holds because of another process.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Mutex;

use expect_test::expect;
use mirakuru_rstest::{Attempt, Executor};
use mirakuru_tests::{bin, scratch_dir};

use crate::normal::fails;

#[test]
fn on_a_port() {
    let first = Executor::new([bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let first = first.start().unwrap();
    let second = Executor::new("sleep 60").name("database").tcp(first.addr().to_string());
    fails(
        &second,
        &expect![[r#"
            database: already running: 127.0.0.1:PORT is listened on by pid PID (`BIN/mk-tcp-server PORT`)
              command: sleep 60
              help: these tests have started that server: let them share it, or give each process an address of its own by {port} or {dir}
        "#]],
    );
}

#[test]
fn on_a_unix_socket() {
    let directory = scratch_dir();
    let path = directory.join("socket");
    let _first = UnixListener::bind(&path).unwrap();
    fails(
        &Executor::new("sleep 60").unix_socket(path),
        &expect![[r#"
            sleep: already running: SCRATCH/socket is listened on by pid PID (`TESTS`)
              command: sleep 60
              help: it would be mistaken for this process: stop or remove it, or give each process an address of its own by {port} or {dir}
        "#]],
    );
}

#[test]
fn by_a_pid_file() {
    let directory = scratch_dir();
    let path = directory.join("pid");
    std::fs::write(&path, std::process::id().to_string()).unwrap();
    fails(
        &Executor::new("sleep 60").pid_file(&path),
        &expect![[r#"
            sleep: already running: the pid file SCRATCH/pid names pid PID (`TESTS`)
              command: sleep 60
              help: it would be mistaken for this process: stop or remove it, or give each process an address of its own by {port} or {dir}
        "#]],
    );
    std::fs::write(&path, "").unwrap();
    fails(
        &Executor::new("sleep 60").pid_file(&path),
        &expect![[r#"
            sleep: already running: the pid file SCRATCH/pid exists and has no pid in it; remove it
              command: sleep 60
              help: it would be mistaken for this process: stop or remove it, or give each process an address of its own by {port} or {dir}
        "#]],
    );
}

#[test]
fn by_a_process_whose_command_is_a_script() {
    let directory = scratch_dir();
    let path = directory.join("pid");
    let script = format!("sleep 60\n\t: {}", "longer ".repeat(20));
    let first = Executor::new(["sh", "-c", &script]).start().unwrap();
    std::fs::write(&path, first.pid().to_string()).unwrap();
    fails(
        &Executor::new("sleep 60").pid_file(&path),
        &expect![[r#"
        sleep: already running: the pid file SCRATCH/pid names pid PID (`sh -c sleep 60\n\t: longer longer longer longer longer longer longer longer longer l…`)
          command: sleep 60
          help: these tests have started that server: let them share it, or give each process an address of its own by {port} or {dir}
    "#]],
    );
}

#[test]
fn a_stranger_answers() {
    let taken = Mutex::new(Vec::new());
    let take = move |attempt: &Attempt<'_>| {
        let listener = TcpListener::bind(("127.0.0.1", attempt.port().unwrap())).unwrap();
        taken.lock().unwrap().push(listener);
        true
    };
    let executor = Executor::new("sleep 60").env("PORT", "{port}").probe(take);
    fails(
        &executor.tcp("127.0.0.1:{port}"),
        &expect![[r#"
            sleep: 127.0.0.1:PORT is listened on by another process, pid PID (`TESTS`)
              command: sleep 60
              process: running as pid PID
              output: none (LOG)
              help: pid PID (`TESTS`) was not started here; stop it, or give this process an address of its own by {port} or {dir}. If it serves this process, as with `docker run` or `systemd-run`, accept it by `owner = "any"`
        "#]],
    );
}

#[test]
fn an_address_in_use() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let server = Executor::new([bin!("mk-tcp-server"), &port]);
    let address = format!("127.0.0.1:{port}");
    let executor = server.output("^listening").ready_command(["false".to_owned(), address]);
    fails(
        &executor,
        &expect![[r#"
            mk-tcp-server: exited with code 1 before it was ready
              command: BIN/mk-tcp-server PORT
              waited for: a line of output that matches `^listening`
              last observation: no such line (checked N times in TIME of 30.0 s)
              process: exited with code 1
              output (LOG):
                Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" }
              help: 127.0.0.1:PORT is listened on by pid PID (`TESTS`), this test process itself: close it, or let this process have a port of its own by {port}
        "#]],
    );
}

#[test]
fn an_address_in_use_by_another_server() {
    let first = Executor::new([bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let first = first.start().unwrap();
    let second = Executor::new([bin!("mk-tcp-server"), &first.port().to_string()]);
    let address = format!("127.0.0.1:{}", first.port());
    fails(
        &second.output("^listening").ready_command(["false".to_owned(), address]),
        &expect![[r#"
            mk-tcp-server: exited with code 1 before it was ready
              command: BIN/mk-tcp-server PORT
              waited for: a line of output that matches `^listening`
              last observation: no such line (checked N times in TIME of 30.0 s)
              process: exited with code 1
              output (LOG):
                Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" }
              help: 127.0.0.1:PORT is listened on by pid PID (`BIN/mk-tcp-server PORT`): these tests have started that server: let them share it, or give each process an address of its own by {port} or {dir}
        "#]],
    );
}
