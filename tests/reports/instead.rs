//! A server that listens, but not where it is waited for.

use std::time::Duration;

use expect_test::expect;
use mirakuru_core::Executor;
use mirakuru_tests::bin;

use crate::normal::fails;

/// Waits for a port that the server never has, after its output shows that it has another one.
fn waiting(server: Executor) -> Executor {
    let limit = Duration::from_secs(2);
    server.name("server").output("^ready").tcp("127.0.0.1:{port}").timeout(limit)
}

fn python(script: &str) -> Executor {
    let script = format!("import os, socket, time\n{script}");
    Executor::new(["python3", "-c", &script]).env("PORT", "{port}")
}

#[test]
fn a_server_that_listens_elsewhere() {
    let script =
        "s = socket.create_server(('::1', int(os.environ['PORT'])), family=socket.AF_INET6)
print('ready', flush=True); time.sleep(300)";
    fails(
        &waiting(python(script)),
        &expect![[r#"
            server: not ready within 2.0 s: a TCP connection to 127.0.0.1:PORT
              waited for: a TCP connection to 127.0.0.1:PORT
              last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 2.0 s)
              process: running as pid PID
              output (LOG):
                ready
              command:
                python3 -c "import os, socket, time
                s = socket.create_server(('::1', int(os.environ['PORT'])), family=socket.AF_INET6)
                print('ready', flush=True); time.sleep(300)"
              help: it listens on [::1]:PORT instead: wait for that, or configure it
        "#]],
    );
}

#[test]
fn a_server_that_is_not_given_its_port() {
    let script = "s = socket.create_server(('127.0.0.1', 0)); time.sleep(300)";
    let server = Executor::new(["python3", "-c", &format!("import socket, time\n{script}")]);
    let server = server.name("server").timeout(Duration::from_secs(2)).tcp("127.0.0.1:{port}");
    fails(
        &server,
        &expect![[r#"
        server: not ready within 2.0 s: a TCP connection to 127.0.0.1:PORT
          waited for: a TCP connection to 127.0.0.1:PORT
          last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 2.0 s)
          process: running as pid PID
          output: none (LOG)
          command:
            python3 -c "import socket, time
            s = socket.create_server(('127.0.0.1', 0)); time.sleep(300)"
          help: it listens on 127.0.0.1:PORT instead: wait for that, or configure it. Only the condition has `{port}`: give it to the process, too, in its command, a variable or a file
    "#]],
    );
}

#[test]
fn a_server_that_has_a_socket_for_udp_only() {
    let script = "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', int(os.environ['PORT'])))
print('ready', flush=True); time.sleep(300)";
    fails(
        &waiting(python(script)),
        &expect![[r#"
            server: not ready within 2.0 s: a TCP connection to 127.0.0.1:PORT
              waited for: a TCP connection to 127.0.0.1:PORT
              last observation: 127.0.0.1:PORT: connection refused (checked N times in TIME of 2.0 s)
              process: running as pid PID
              output (LOG):
                ready
              command:
                python3 -c "import os, socket, time
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                s.bind(('127.0.0.1', int(os.environ['PORT'])))
                print('ready', flush=True); time.sleep(300)"
              help: it has a UDP socket at 127.0.0.1:PORT, and none for TCP: wait for `udp`
        "#]],
    );
}

#[test]
fn a_server_that_does_not_use_the_socket_that_it_inherits() {
    let server = Executor::new([bin!("mk-tcp-server"), "{port}"]).name("server");
    let server = server.listen("127.0.0.1:{port}").tcp("127.0.0.1:{port}");
    fails(
        &server.timeout(Duration::from_secs(20)),
        &expect![[r#"
        server: exited with code 1 before it was ready
          command: BIN/mk-tcp-server PORT
          waited for: a TCP connection to 127.0.0.1:PORT
          last observation: 127.0.0.1:PORT: a connection waits to be accepted (checked N times in TIME of 20.0 s)
          process: exited with code 1
          output (LOG):
            Error: Os { code: 98, kind: AddrInUse, message: "Address already in use" }
          help: this process inherits a socket that listens at 127.0.0.1:PORT: it has to use that, by `LISTEN_FDS`, and not bind the address itself
    "#]],
    );
}
