//! A server that is reached and refuses, or that this user cannot reach.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use expect_test::expect;
use mirakuru_core::Executor;
use mirakuru_tests::test_process::{ROLE, playing, printed, role, say, value};
use mirakuru_tests::{as_other_user, bin, scratch_dir, this_test};

use crate::normal::{SHORT, fails, normal};

#[cfg(not(feature = "https"))]
#[test]
fn a_url_of_https_without_the_feature() {
    fails(
        &Executor::new("sleep 60").name("server").http("https://127.0.0.1:{port}/"),
        &expect![[r#"
            server: `https://127.0.0.1:{port}/` needs the feature `https`
              command: sleep 60
              help: add `https` to the features of the dependency in `Cargo.toml`, or wait for the port by `tcp`
        "#]],
    );
}

/// A server whose answer to everything is these bytes, in the notation of Python.
#[cfg(feature = "https")]
fn answers(bytes: &str) -> Executor {
    let script = format!(
        "import os, socket
server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
while True:
    client, _ = server.accept()
    client.recv(4096)
    client.send(b'{bytes}')"
    );
    let server = Executor::new(["python3", "-c", &script]).env("PORT", "{port}");
    let server = server.name("server");
    server.http("https://127.0.0.1:{port}/").timeout(SHORT * 5)
}

#[cfg(feature = "https")]
#[test]
fn a_tls_handshake_that_the_server_refuses() {
    // The alert `handshake_failure`.
    fails(
        &answers(r"\x15\x03\x03\x00\x02\x02\x28"),
        &expect![[r#"
            server: not ready within 3.0 s: HEAD https://127.0.0.1:PORT/ with status 2xx
              waited for: HEAD https://127.0.0.1:PORT/ with status 2xx
              last observation: the TLS handshake failed: received fatal alert: HandshakeFailure (checked N times in TIME of 3.0 s)
              process: running as pid PID
              output: none (LOG)
              command:
                python3 -c "import os, socket
                server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
                while True:
                    client, _ = server.accept()
                    client.recv(4096)
                    client.send(b'\\x15\\x03\\x03\\x00\\x02\\x02\\x28')"
              help: more time does not help: ask by a host name that the server knows, and see what its log says
        "#]],
    );
}

#[cfg(feature = "https")]
#[test]
fn a_tls_handshake_that_the_server_does_not_understand() {
    fails(
        &answers(r"HTTP/1.0 400 Bad Request\r\n\r\n"),
        &expect![[r#"
            server: not ready within 3.0 s: HEAD https://127.0.0.1:PORT/ with status 2xx
              waited for: HEAD https://127.0.0.1:PORT/ with status 2xx
              last observation: the TLS handshake failed: received corrupt message of type InvalidContentType; does it speak plain http? (checked N times in TIME of 3.0 s)
              process: running as pid PID
              output: none (LOG)
              command:
                python3 -c "import os, socket
                server = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))
                while True:
                    client, _ = server.accept()
                    client.recv(4096)
                    client.send(b'HTTP/1.0 400 Bad Request\\r\\n\\r\\n')"
              help: more time does not help: ask by `http://`, or let it speak TLS at this port
        "#]],
    );
}

#[test]
fn a_directory_that_this_user_cannot_enter() {
    if role().is_some() {
        let server = Executor::new("sleep 60").name("database").timeout(SHORT);
        let error = server.unix_socket(value("SOCKET")).start().unwrap_err();
        return say(format!("{error:?}"));
    }
    let Some(other_user) = as_other_user(bin!("mk-cat")) else { return };
    let (dir, locked) = (scratch_dir(), scratch_dir());
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1777)).unwrap();
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    let test = playing(this_test!(), "is another user");
    let mut command = std::process::Command::new(other_user[0]);
    command.args(&other_user[1..]).arg(test.get_program()).args(test.get_args());
    command.env(ROLE, "is another user").env("SOCKET", locked.join("socket"));
    let output = command.env("TMPDIR", &*dir).current_dir("/").output().unwrap();
    let report = normal(&printed(&output));
    let is_stable = |line: &&str| line.starts_with("  last") || line.starts_with("  help");
    let report: Vec<_> = report.lines().filter(is_stable).map(str::trim).collect();
    expect![[r#"
          last observation: Permission denied (os error 13) (checked N times in TIME of 0.600 s)
          help: more time does not help: this user may not enter a directory of that path; change its mode, or the user of the process"#]].assert_eq(&report.join("\n"));
}
