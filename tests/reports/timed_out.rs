//! Conditions that do not hold in time.

use std::process::Command;

use expect_test::expect;
use mirakuru_rstest::{Attempt, Executor, Http, Probe, Readiness};
use mirakuru_tests::bin;

use crate::normal::{SHORT, fails, normal};

fn sleeper() -> Executor {
    Executor::new("sleep 60").name("database").timeout(SHORT)
}

#[test]
fn a_port_without_a_listener() {
    fails(
        &sleeper().tcp("127.0.0.1:{port}"),
        &expect![[r#"
            database: not ready within 0.600 s: a TCP connection to 127.0.0.1:PORT
              command: sleep 60
              waited for: a TCP connection to 127.0.0.1:PORT
              last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: no process listens at 127.0.0.1:PORT: is that the address in the command, its variables or its configuration? If it only needs longer, give it a longer `timeout`. Only the condition has `{port}`: give it to the process, too, in its command, a variable or a file
        "#]],
    );
    fails(
        &sleeper().tcp("localhost:{port}"),
        &expect![[r#"
            database: not ready within 0.600 s: a TCP connection to localhost:PORT
              command: sleep 60
              waited for: a TCP connection to localhost:PORT
              last observation: [::1]:PORT: connection refused (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: no process listens at localhost:PORT: is that the address in the command, its variables or its configuration? If it only needs longer, give it a longer `timeout`. Only the condition has `{port}`: give it to the process, too, in its command, a variable or a file
        "#]],
    );
}

#[test]
fn a_port_that_does_not_accept() {
    // The kernel completes connections up to the length of the queue, so fill that first.
    let script = "import socket, sys, time
s = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=0)
c = [socket.socket() for _ in range(4)]
[(it.setblocking(False), it.connect_ex(s.getsockname())) for it in c]
time.sleep(60)";
    let Some(python) = mirakuru_tests::need("python3") else { return };
    let executor = Executor::new([python]).args(["-c", script, "{port}"]).name("database");
    let full = |attempt: &Attempt<'_>| {
        let address = ([127, 0, 0, 1], attempt.port().unwrap()).into();
        let connected = std::net::TcpStream::connect_timeout(&address, SHORT / 3);
        connected.is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
    };
    let executor = executor.probe(full).tcp("127.0.0.1:{port}").timeout(SHORT * 5);
    let error = executor.start().unwrap_err();
    let report = normal(&format!("{error:?}"));
    let answers: Vec<_> = report.lines().filter(|line| line.contains("answer")).collect();
    expect![""].assert_eq(&answers.join("\n"));
}

#[test]
fn an_http_status_that_is_not_wanted() {
    let server = Executor::new([bin!("mk-http-server"), "{port}"]).timeout(SHORT);
    let error = server.http("http://127.0.0.1:{port}/status/503").start().unwrap_err();
    // The number of requests in the output varies.
    let report = normal(&format!("{error:?}"));
    let lines: Vec<_> = report.lines().filter(|line| !line.starts_with("    ")).collect();
    expect![[r#"
        mk-http-server: not ready within 0.600 s: HEAD http://127.0.0.1:PORT/status/503 with status 2xx
          command: BIN/mk-http-server PORT
          waited for: HEAD http://127.0.0.1:PORT/status/503 with status 2xx
          last observation: HTTP status 503 (checked N times in TIME of 0.600 s)
          process: running as pid PID
          output (LOG):
          help: if it only needs longer, give it a longer `timeout`"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn an_http_port_without_a_listener() {
    fails(
        &sleeper().http("http://127.0.0.1:{port}/health"),
        &expect![[r#"
            database: not ready within 0.600 s: HEAD http://127.0.0.1:PORT/health with status 2xx
              command: sleep 60
              waited for: HEAD http://127.0.0.1:PORT/health with status 2xx
              last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: no process listens at 127.0.0.1:PORT: is that the address in the command, its variables or its configuration? If it only needs longer, give it a longer `timeout`. Only the condition has `{port}`: give it to the process, too, in its command, a variable or a file
        "#]],
    );
}

#[test]
fn a_server_that_does_not_speak_http() {
    let hangs_up = "import socket, sys
s = socket.create_server(('127.0.0.1', int(sys.argv[1])))
while c := s.accept()[0]:
    c.recv(1000), c.close()";
    let Some(python) = mirakuru_tests::need("python3") else { return };
    let hangs_up = Executor::new([python]).args(["-c", hangs_up, "{port}"]).timeout(SHORT * 5);
    let echoes = Executor::new([bin!("mk-tcp-server"), "{port}"]).timeout(SHORT);
    let mut reports = String::new();
    for server in [hangs_up, echoes] {
        let error = server.http("http://127.0.0.1:{port}/").start().unwrap_err();
        let is_shown = |line: &&str| line.contains("last observation") || line.contains("help:");
        let report = normal(&format!("{error:?}"));
        report.lines().filter(is_shown).for_each(|line| reports.extend([line.trim_start(), "\n"]));
    }
    expect![[r#"
          last observation: closed the connection without an answer (checked N times in TIME of 3.0 s)
          help: it listens there, but does not speak HTTP: `tcp` waits for servers of other protocols. If it only needs longer, give it a longer `timeout`
          last observation: the answer is not HTTP (invalid HTTP version) (checked N times in TIME of 0.600 s)
          help: it listens there, but does not speak HTTP: `tcp` waits for servers of other protocols. If it only needs longer, give it a longer `timeout`
    "#]].assert_eq(&reports);
}

#[test]
fn a_command_with_words_for_a_shell() {
    fails(
        &Executor::new("false && echo").name("database").timeout(SHORT).output("ready"),
        &expect![[r#"
            database: exited with code 1 before it was ready
              command: false '&&' echo
              waited for: a line of output that matches `ready`
              last observation: nothing was written (checked N times in TIME of 0.600 s)
              process: exited with code 1
              output: none (LOG)
              help: `&&` in the command is passed to the program as it is: no shell runs `cmd`, and `shell = "…"` has one
        "#]],
    );
    let given = Executor::new("sh -c 'exec sleep 60' $PORT").name("database").timeout(SHORT);
    fails(
        &given.tcp("127.0.0.1:{port}"),
        &expect![[r#"
        database: not ready within 0.600 s: a TCP connection to 127.0.0.1:PORT
          command: sh -c 'exec sleep 60' '$PORT'
          waited for: a TCP connection to 127.0.0.1:PORT
          last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 0.600 s)
          process: running as pid PID
          output: none (LOG)
          help: no process listens at 127.0.0.1:PORT: is that the address in the command, its variables or its configuration? If it only needs longer, give it a longer `timeout`. `$PORT` in the command is passed to the program as it is: no shell runs `cmd`, and `shell = "…"` has one. Only the condition has `{port}`: give it to the process, too, in its command, a variable or a file
    "#]],
    );
}

#[test]
fn a_unix_socket_that_is_not_there() {
    fails(
        &sleeper().unix_socket("{dir}/socket"),
        &expect![[r#"
            database: not ready within 0.600 s: the Unix socket DIR/socket
              command: sleep 60
              waited for: the Unix socket DIR/socket
              last observation: there is no such file (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn a_unix_socket_without_a_listener() {
    let directory = mirakuru_tests::scratch_dir();
    let path = directory.join("socket");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    // A process that another test forks at this moment may hold it for a moment.
    let is_free = || std::os::unix::net::UnixStream::connect(&path).is_err();
    mirakuru_tests::eventually(SHORT * 10, is_free);
    fails(
        &sleeper().unix_socket(path),
        &expect![[r#"
            database: not ready within 0.600 s: the Unix socket SCRATCH/socket
              command: sleep 60
              waited for: the Unix socket SCRATCH/socket
              last observation: no process listens on it (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn an_http_request_without_an_answer() {
    let server = Executor::new([bin!("mk-http-server"), "{port}"]).timeout(SHORT * 5);
    let url = "http://127.0.0.1:{port}/hang";
    let http = Http::get(url).request_timeout(SHORT);
    let report = normal(&format!("{:?}", server.http(http).start().unwrap_err()));
    let lines: Vec<_> = report.lines().filter(|line| !line.starts_with("    ")).collect();
    expect![[r#"
        mk-http-server: not ready within 3.0 s: GET http://127.0.0.1:PORT/hang with status 2xx
          command: BIN/mk-http-server PORT
          waited for: GET http://127.0.0.1:PORT/hang with status 2xx
          last observation: no answer within 600ms (checked N times in TIME of 3.0 s)
          process: running as pid PID
          output (LOG):
          help: if it only needs longer, give it a longer `timeout`"#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn a_pid_file_that_is_missing() {
    fails(
        &sleeper().pid_file("{dir}/pid"),
        &expect![[r#"
            database: not ready within 0.600 s: the pid file DIR/pid
              command: sleep 60
              waited for: the pid file DIR/pid
              last observation: there is no such file (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn a_pid_file_that_is_stale() {
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let directory = mirakuru_tests::scratch_dir();
    std::fs::write(directory.join("pid"), gone.id().to_string()).unwrap();
    fails(
        &sleeper().pid_file(directory.join("pid")),
        &expect![[r#"
            database: not ready within 0.600 s: the pid file SCRATCH/pid
              command: sleep 60
              waited for: the pid file SCRATCH/pid
              last observation: the file is left over from a process that is gone (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
    let script = format!("echo {} > {{dir}}/pid; sleep 60", gone.id());
    let executor = Executor::shell(script).name("database").pid_file("{dir}/pid").timeout(SHORT);
    fails(
        &executor,
        &expect![[r#"
            database: not ready within 0.600 s: the pid file DIR/pid
              command: /bin/sh -c 'echo PID > DIR/pid; sleep 60'
              waited for: the pid file DIR/pid
              last observation: the file names pid PID, which is not alive (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

struct Answers;

impl Probe for Answers {
    fn check(&self, _: &Attempt<'_>) -> Readiness {
        Readiness::NotYet("the schema has version 3, not 4".to_owned())
    }
}

#[test]
fn a_probe_of_ones_own() {
    fails(
        &sleeper().probe(Answers),
        &expect![[r#"
            database: not ready within 0.600 s: the probe `reports::timed_out::Answers`
              command: sleep 60
              waited for: the probe `reports::timed_out::Answers`
              last observation: the schema has version 3, not 4 (checked N times in TIME of 0.600 s)
              process: running as pid PID
              output: none (LOG)
              help: if it only needs longer, give it a longer `timeout`
        "#]],
    );
}

#[test]
fn an_http_status_for_which_another_request_is_better_than_more_time() {
    let helps: Vec<_> = [302, 400, 401, 403, 404, 405, 429, 500, 503]
        .into_iter()
        .map(|status| {
            let server = Executor::new([bin!("mk-http-server"), "{port}"]).timeout(SHORT);
            let server = server.http(format!("http://127.0.0.1:{{port}}/status/{status}"));
            let report = format!("{:?}", server.start().unwrap_err());
            report.lines().last().unwrap().trim().to_owned()
        })
        .collect();
    expect![[r#"
        help: the server redirects, and redirects are not followed: ask for the target, or accept the answer by `status = 302` (or `Http::status`)
        help: the server answers, but not to this request: ask for another path, or by another method, or accept the answer by `status = 400` (or `Http::status`)
        help: the server wants credentials: give it a `header`, ask for another path, or accept the answer by `status = 401` (or `Http::status`)
        help: the server wants credentials: give it a `header`, ask for another path, or accept the answer by `status = 403` (or `Http::status`)
        help: the server has nothing at this path so far: ask for another path, or accept the answer by `status = 404` (or `Http::status`). If the path only comes later, give it a longer `timeout`
        help: the server answers, but not to this request: ask for another path, or by another method, or accept the answer by `status = 405` (or `Http::status`)
        help: if it only needs longer, give it a longer `timeout`
        help: if it only needs longer, give it a longer `timeout`
        help: if it only needs longer, give it a longer `timeout`"#]].assert_eq(&helps.join("\n"));
}
