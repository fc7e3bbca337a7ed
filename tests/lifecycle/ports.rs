//! Ports: each server gets its own, however it binds it.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use mirakuru_rstest::{ErrorKind, Executor, Process};
use mirakuru_tests::{bin, free_port, is_ephemeral, need, scratch_dir, starts, test_process};

/// Listens without `SO_REUSEADDR`, and logs its start.
const LISTENS_WITHOUT_REUSE: &str = r#"
    use IO::Socket::INET;
    open(my $log, ">>", $ARGV[1]); print $log "start $$\n"; close $log;
    my $socket = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $ARGV[0], Listen => 9)
        or die "cannot listen: $!";
    my $client;
    close $client while $client = $socket->accept;
"#;

fn connect(process: &Process) -> TcpStream {
    TcpStream::connect(process.addr()).unwrap()
}

#[test]
fn a_server_that_does_not_reuse_addresses_fails_once_and_never_again() {
    if need("perl").is_none() {
        return;
    }
    let dir = scratch_dir();
    let log = dir.join("starts");
    let executor = Executor::new(["perl", "-e", LISTENS_WITHOUT_REUSE, "{port}"])
        .arg(&log)
        .tcp("127.0.0.1:{port}");
    let first = executor.start().unwrap();
    assert_eq!(starts(&log), 2, "the first way cannot have worked");
    let second = executor.start().unwrap();
    assert_eq!(starts(&log), 3, "the second way was known to be needed");
    for process in [&first, &second] {
        assert!(!is_ephemeral(process.port()), "{}", process.port());
        connect(process);
    }
    assert_ne!(first.port(), second.port());
    // Another executor tries the reserved port first again.
    drop(executor.name("another").start().unwrap());
    assert_eq!(starts(&log), 5);
}

#[test]
fn a_restart_keeps_the_port_while_a_client_of_the_last_start_lingers() {
    let mut process =
        Executor::new([bin!("mk-tcp-server"), "{port}"]).tcp("127.0.0.1:{port}").start().unwrap();
    let port = process.port();
    assert!(is_ephemeral(port), "{port} is not held");
    let mut lingering = vec![connect(&process)];
    for _ in 0..5 {
        process.restart().unwrap();
        assert_eq!(process.port(), port);
        lingering.push(connect(&process));
    }
}

#[test]
fn a_server_gets_the_port_that_is_held_for_it_in_whichever_family_it_listens() {
    let (v4, v6) = ("127.0.0.1:{port}", "[::1]:{port}");
    for (host, addresses) in
        [("127.0.0.1", &[v4][..]), ("::1", &[v6]), ("0.0.0.0", &[v4]), ("::", &[v4, v6])]
    {
        let dir = scratch_dir();
        let log = dir.join("starts");
        let executor = Executor::new([bin!("mk-tcp-server"), "{port}", "--host", host]);
        let executor = executor.env("START_LOG", &log);
        let process = addresses.iter().fold(executor, |executor, address| executor.tcp(*address));
        let process = process.start().unwrap();
        assert_eq!(starts(&log), 1, "{host}: the port that is held was of no use");
        assert!(is_ephemeral(process.port()), "{host}: {} is not held", process.port());
        connect(&process);
    }
}

/// Plays a role for another test: starts a server whose descriptors only root can inspect.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    let server = Executor::new([bin!("mk-tcp-server"), "{port}"]).name("server");
    let server = if role == "hides" { server.arg("--hide") } else { server };
    let process = server.tcp("127.0.0.1:{port}").start().unwrap();
    test_process::say(format_args!(
        "{} is the server's, which has pid {}.",
        process.addr(),
        process.pid()
    ));
}

/// Returns the same command, run by a user who is not root.
fn without_privileges(command: &Command, temp: &Path) -> Option<Command> {
    if !nix::unistd::geteuid().is_root() {
        let mut same = Command::new(command.get_program());
        same.args(command.get_args());
        return Some(same);
    }
    need("setpriv")?;
    fs::set_permissions(temp, fs::Permissions::from_mode(0o1777)).unwrap();
    let drop_root = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let mut may = Command::new("setpriv");
    may.args(drop_root).args(["test", "-x"]).arg(command.get_program());
    if !may.status().unwrap().success() {
        println!("skipped: other users cannot read this directory");
        return None;
    }
    let mut unprivileged = Command::new("setpriv");
    unprivileged.args(drop_root).arg(command.get_program()).args(command.get_args());
    Some(unprivileged)
}

#[test]
fn a_listener_whose_owner_cannot_be_determined_is_accepted_and_reported() {
    for role in ["hides", "does not hide"] {
        let temp = scratch_dir();
        let playing = test_process::playing("ports::plays_a_role", role);
        let Some(mut command) = without_privileges(&playing, &temp) else { return };
        command.env("TMPDIR", &*temp).env("MIRAKURU_LOG", "info").env(test_process::ROLE, role);
        command.env_remove("NEXTEST_EXECUTION_MODE").current_dir("/").stdin(Stdio::null());
        let output = command.output().unwrap();
        let printed = test_process::printed(&output);
        assert!(output.status.success(), "{printed}");
        let line = printed.lines().find(|line| line.contains(" is the server's, which")).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let address = words.iter().find(|word| word.starts_with("127.0.0.1:")).unwrap();
        let pid = words.last().unwrap().trim_end_matches('.');
        let event = format!(
            "mirakuru: the owner of {address} cannot be determined; taken for server (pid {pid})"
        );
        let is_hidden = role == "hides" || cfg!(mirakuru_fallback);
        assert_eq!(printed.matches(&event).count(), usize::from(is_hidden), "{event}: {printed}");
    }
}

#[test]
fn a_low_port_is_the_port_of_its_name_and_below_32768() {
    let executor = Executor::new([bin!("mk-tcp-server"), "{low_port}"]).tcp("127.0.0.1:{port}");
    let server =
        executor.env("ADMIN", "{port:admin}").env("LOW", "{low_port:admin}").start().unwrap();
    assert!(server.port() <= 32_767 && server.port_named("admin") <= 32_767, "{server:?}");
    assert_eq!(server.render("{low_port}").unwrap(), server.port().to_string());
}

#[test]
fn a_port_that_is_given_is_that_of_its_placeholder_and_of_one_process_at_a_time() {
    let port = free_port();
    let server = Executor::new([bin!("mk-http-server"), "{port}"]).env("ADMIN", "{port:admin}");
    let server = server.http("http://127.0.0.1:{port}/").port(port);
    let mut first = server.start().unwrap();
    assert_eq!((first.port(), first.addr().port()), (port, port));
    assert_ne!(first.port_named("admin"), port);
    let error = server.start().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyRunning, "{error:?}");
    first.restart().unwrap();
    drop(first);
    assert_eq!(server.start().unwrap().port(), port);
}

#[test]
fn a_port_that_is_none_or_that_nothing_mentions_is_an_error() {
    for (executor, expected) in [
        (Executor::new("sleep 60").port(1), "`port(1)` has no effect: nothing mentions `{port}`"),
        (Executor::new("sleep 60").arg("{port:admin}").port(1), "nothing mentions `{port}`"),
        (Executor::new("sleep 60").arg("{port}").port(0), "0 is no port"),
    ] {
        let error = executor.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(expected), "{error}");
    }
}
