//! `listen`: sockets that are passed to the process.
#![cfg(not(mirakuru_fallback))]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;

use mirakuru_rstest::{ErrorKind, Executor, Process};
use mirakuru_tests::starting::{LONG, SHORT, StartSoon, fails, reports, restart_when_ready};
use mirakuru_tests::{bin, free_port, need};

fn activated() -> Executor {
    Executor::new([bin!("mk-activated")]).listen("127.0.0.1:{port}").timeout(LONG)
}

/// Returns the number of the socket, `LISTEN_FDS`, and the pid of the process that answers.
fn answer(process: &Process, port: u16) -> (i32, u32, u32) {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let words: Vec<u32> = line.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert_eq!(words[2], process.pid());
    (words[0] as i32, words[1], words[2])
}

#[test]
fn the_process_gets_the_socket_and_its_number() {
    let process = activated().start_soon();
    assert_eq!(answer(&process, process.port()).0, 3);
    process.log().wait_for("LISTEN_FDS=1, LISTEN_PID is mine: true", LONG).unwrap();
}

#[test]
fn several_sockets_come_in_their_order() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let listen = |executor: Executor, name| executor.listen(format!("127.0.0.1:{{port:{name}}}"));
    let executor = names.into_iter().fold(Executor::new([bin!("mk-activated")]), listen);
    let process = executor.timeout(LONG).start_soon();
    for (name, fd) in names.into_iter().zip(3..) {
        assert_eq!(answer(&process, process.port_named(name)), (fd, 10, process.pid()), "{name}");
    }
}

#[test]
fn a_port_is_not_ready_before_the_process_accepts() {
    let executor = activated().arg("--delay").arg("300");
    let mut process = executor.tcp("127.0.0.1:{port}").start_when_ready();
    restart_when_ready(&mut process);

    let never = Executor::new("sleep 300").listen("127.0.0.1:{port}").tcp("127.0.0.1:{port}");
    let error = fails(&never.timeout(SHORT), ErrorKind::Timeout);
    reports(&error, &["a connection waits to be accepted"]);
}

#[test]
fn one_connection_that_is_accepted_is_enough_also_beside_other_conditions() {
    let Some(python) = need("python3") else { return };
    // It accepts ten connections a second at most.
    let script = "import os, socket, time; s = socket.socket(fileno=3); print('up', flush=True)\n\
                  time.sleep(0.05); open(os.environ['READY_MARK'], 'w').close()\n\
                  while True: s.accept()[0].close(); time.sleep(0.1)";
    let executor = Executor::new([python]).args(["-c", script]).listen("127.0.0.1:{port}");
    executor.tcp("127.0.0.1:{port}").output("^up$").timeout(LONG).start_when_ready();
}

#[test]
fn a_connection_made_during_a_restart_is_answered_after_it() {
    let mut process = activated().start_soon();
    let port = process.port();
    let early = process.stopped(|| TcpStream::connect(("127.0.0.1", port)).unwrap()).unwrap();
    early.set_read_timeout(Some(LONG)).unwrap();
    let mut line = String::new();
    BufReader::new(early).read_line(&mut line).unwrap();
    assert!(line.trim_end().ends_with(&process.pid().to_string()), "{line}");
}

#[test]
fn a_socket_and_a_readiness_descriptor_stand_beside_each_other() {
    let script =
        format!("sleep 0.05; : > $READY_MARK; echo >&4; exec 4>&-; exec {}", bin!("mk-activated"));
    let executor = Executor::shell(script).listen("127.0.0.1:{port}").ready_fd(4);
    let process = executor.timeout(LONG).start_when_ready();
    process.log().wait_for("LISTEN_PID is mine: true", LONG).unwrap();
    let taken = activated().ready_fd(3);
    reports(&fails(&taken, ErrorKind::InvalidInput), &["not one from 4 to 19"]);
}

#[test]
fn the_environment_of_the_description_is_there_too() {
    let server = Executor::new([bin!("mk-env")]).arg("--stay").listen("127.0.0.1:{port}");
    let server = server.env_clear().env("COLOUR", "blue").output("^ready$").timeout(LONG);
    let process = server.start_soon();
    let log = process.log().read().unwrap();
    let names: Vec<_> = log.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    assert_eq!(names, ["COLOUR", "LISTEN_FDS", "LISTEN_PID", "MIRAKURU_PROCESS"]);
}

#[test]
fn a_port_that_is_in_use_is_reported() {
    let other = activated().start_soon();
    let executor =
        Executor::new([bin!("mk-activated")]).listen(format!("127.0.0.1:{}", other.port()));
    reports(&fails(&executor, ErrorKind::Os), &["cannot be listened on"]);
    let any = Executor::new([bin!("mk-activated")]).listen("127.0.0.1:0");
    reports(&fails(&any, ErrorKind::InvalidInput), &["{port}"]);
}

#[test]
fn a_script_without_a_first_line_that_names_its_interpreter_is_run_by_the_shell() {
    let directory = mirakuru_tests::scratch_dir();
    let script = directory.join("script");
    std::fs::write(&script, "exec \"$1\"\n").unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let executor = Executor::new([&script]).arg(bin!("mk-activated")).listen("127.0.0.1:{port}");
    let process = executor.env("LISTEN_PID", "1").timeout(LONG).start_soon();
    assert_eq!(answer(&process, process.port()).0, 3);
    process.log().wait_for("LISTEN_FDS=1, LISTEN_PID is mine: true", LONG).unwrap();
}

#[test]
fn a_fixed_port_can_be_listened_on() {
    let port = free_port();
    let executor = Executor::new([bin!("mk-activated")]).listen(format!("127.0.0.1:{port}"));
    let process = executor.timeout(LONG).start_soon();
    assert_eq!(answer(&process, port).0, 3);
}
