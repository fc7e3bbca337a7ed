//! Leases of a server that runs already: `MIRAKURU_USE_<NAME>` and `Executor::external`.

use std::fs::{self, OpenOptions};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use mirakuru_rstest::{ErrorKind, Executor, Process, Scope, Shared, Signal, with_process};
use mirakuru_tests::{bin, eventually, http_get, test_process};

use crate::run::{LONG, Run, all_passed, run_all};

static OF_BINARY: Shared = Shared::new(service);
static OF_SESSION: Shared = Shared::new(service).scope(Scope::Session);

/// It can only be used, because it cannot be started.
pub(crate) fn service() -> Executor {
    Executor::new("no-such-program --port {port} --admin {port:admin}")
        .name("my-service 2")
        .template("no-such-program {dir}")
        .before_start("no-such-program")
        .env("ADMIN", "{port:admin}")
        .output("never")
        .unix_socket("{dir}/never")
        .http("http://127.0.0.1:{port:admin}/never")
        .http("http://127.0.0.1:{port}/status/204")
}

pub(crate) fn server(host: &str) -> Process {
    let command = [bin!("mk-http-server"), "{port}", "--host", host];
    Executor::new(command).tcp(format!("{host}:{{port}}").replace("::1", "[::1]")).start().unwrap()
}

/// Plays the part of a test for another test.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    match role.as_str() {
        "binary" => uses(&OF_BINARY),
        "session" => uses(&OF_SESSION),
        "threads" => thread::scope(|scope| {
            (0..4).for_each(|_| drop(scope.spawn(|| alone(&OF_BINARY))));
        }),
        "outlives the run" => {
            let lease = OF_SESSION.lease().unwrap();
            let runner = test_process::value("MIRAKURU_SESSION").parse().unwrap();
            test_process::kill(runner, nix::sys::signal::SIGKILL);
            eventually(LONG, || !lease.is_running());
        }
        "panics" => {
            let _lease = OF_BINARY.lease().unwrap();
            panic!("as it should");
        }
        "own" => println!("{:?}", service().start().unwrap_err()),
        "error" => println!("{:?}", OF_SESSION.lease().unwrap_err()),
        other => panic!("no role is called {other}"),
    }
}

fn uses(shared: &Shared) {
    let service = shared.lease().unwrap();
    let address = test_process::value("MIRAKURU_USE_MY_SERVICE_2");
    assert_eq!(service.addr().to_string(), address);
    assert_eq!(service.render("at {port}").unwrap(), format!("at {}", service.port()));
    assert_eq!(service.url(), format!("http://{address}/status/204"));
    assert!(service.is_running() && service.exit_status().is_none());
    drop(service);
    alone(shared);
}

/// Fails if another test has an exclusive lease at the same time.
fn alone(shared: &Shared) {
    let mut service = shared.exclusive().unwrap();
    let path = test_process::value("ALONE");
    OpenOptions::new().create_new(true).write(true).open(&path).unwrap();
    assert_eq!(http_get(&service.url()).0, 204);
    assert_eq!(service.stop().unwrap_err().kind(), ErrorKind::External);
    fs::remove_file(path).unwrap();
}

pub(crate) fn playing(role: &str, address: &str) -> Command {
    let mut command = test_process::playing("external::plays_a_role", role);
    command.env("MIRAKURU_USE_MY_SERVICE_2", address).env("MIRAKURU_LOG", "info");
    command.stdin(Stdio::null());
    command
}

pub(crate) fn printed(command: &mut Command) -> String {
    test_process::printed(&command.output().unwrap())
}

/// Checks that each lease was of the server in use, and returns how often that was found to be ready.
#[track_caller]
fn found_ready(outputs: &[Output], address: &str) -> usize {
    all_passed(outputs);
    let printed: String = outputs.iter().map(test_process::printed).collect();
    for word in ["stop", "started my"] {
        assert!(!printed.contains(word), "{word}: {printed}");
    }
    let line = format!(
        "mirakuru: my-service 2 is the server at {address} that MIRAKURU_USE_MY_SERVICE_2 names, ready"
    );
    printed.matches(&line).count()
}

#[test]
fn test_processes_lease_the_server_that_a_variable_names() {
    let server = server("127.0.0.1");
    let address = server.addr().to_string();
    for role in ["binary", "session"] {
        let run = Run::new();
        let test = |_| {
            let mut test = run.playing("external::plays_a_role", role);
            test.env("ALONE", run.temp.join("alone")).env("MIRAKURU_LOG", "info");
            test.env("MIRAKURU_USE_MY_SERVICE_2", &address);
            test
        };
        let outputs = run_all((0..6).map(test).collect(), 3);
        assert_eq!(found_ready(&outputs, &address), 1, "{role}");
        run.finish();
    }
    assert!(server.is_running());
}

#[test]
fn threads_lease_the_server_that_a_variable_names() {
    let server = server("127.0.0.1");
    let address = server.addr().to_string();
    let temp = mirakuru_tests::scratch_dir();
    let mut test = playing("threads", &address);
    let output = test.env("ALONE", temp.join("alone")).output().unwrap();
    assert_eq!(found_ready(&[output], &address), 1);
    assert!(server.is_running());
}

#[test]
fn its_end_is_not_reported_when_the_run_ends_before_a_lease() {
    let server = server("127.0.0.1");
    let run = Run::new();
    let mut test = run.playing("external::plays_a_role", "outlives the run");
    test.env("MIRAKURU_LOG", "info").env("MIRAKURU_TIMELINE", run.temp.join("run.html"));
    test.env("MIRAKURU_USE_MY_SERVICE_2", server.addr().to_string());
    let printed = printed(&mut test);
    let is_told = ["died", "stop", "not started here"].map(|word| printed.contains(word));
    assert_eq!(is_told, [false; 3], "{printed}");
    let trace = fs::read_to_string(run.temp.join("run.trace.json")).unwrap();
    assert!(trace.contains("\"ready\"") && !trace.contains("was ended by"), "{trace}");
    run.finish();
    assert!(server.is_running());
}

#[test]
fn a_test_that_fails_says_which_server_it_has_used() {
    let server = server("127.0.0.1");
    let printed = printed(&mut playing("panics", &server.addr().to_string()));
    let report = format!(
        "--- my-service 2: the server at {} that MIRAKURU_USE_MY_SERVICE_2 names, which was not \
         started here\n",
        server.addr()
    );
    assert!(printed.contains(&report), "{printed}");
}

#[test]
fn nothing_of_it_is_kept_running() {
    let server = server("127.0.0.1");
    let mut test = playing("panics", &server.addr().to_string());
    let printed = printed(test.env("MIRAKURU_KEEP", "failed"));
    assert!(!printed.contains("is kept running"), "{printed}");
}

#[test]
fn a_process_of_a_tests_own_is_started_nevertheless() {
    let server = server("127.0.0.1");
    let printed = printed(&mut playing("own", &server.addr().to_string()));
    assert!(printed.contains("no-such-program"), "{printed}");
}

#[test]
fn an_empty_variable_names_no_server() {
    let printed = printed(&mut playing("error", ""));
    assert!(printed.contains("no-such-program"), "{printed}");
}

#[test]
fn localhost_and_ipv6_are_addresses() {
    for host in ["127.0.0.1", "::1"] {
        let server = server(host);
        let at_localhost = format!("localhost:{}", server.port());
        for address in [at_localhost, server.addr().to_string()] {
            let service = service().external(&address).start().unwrap();
            assert_eq!(service.addr(), server.addr(), "{address}");
            assert_eq!(http_get(&service.url()).0, 204, "{address}");
        }
    }
}

#[test]
fn without_a_condition_at_an_address_it_has_to_accept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let service = Executor::new("a").output(r"(?<port>\d+), (?<token>\w+)").tcp("127.0.0.1:0");
    let of_another_user = Executor::new("a").user("no-such-user").current_dir("{dir}");
    let bare =
        Executor::new("a").env_clear().env_remove("PATH").ready_command("false").listen("a:1");
    for service in [service, Executor::new("a"), of_another_user, bare] {
        let service = service.external(address.to_string()).start().unwrap();
        assert_eq!((service.addr(), service.port()), (address, address.port()));
        assert_eq!(service.render("{port}").unwrap(), address.port().to_string());
    }
}

#[test]
fn a_reply_and_a_udp_port_are_asked_for_at_its_address() {
    for protocol in ["tcp", "udp"] {
        let replies = [bin!("mk-replies"), protocol, "{udp}"];
        let server = Executor::new(replies).output("^bound|^listening").start().unwrap();
        let address = format!("127.0.0.1:{}", server.port());
        let service = Executor::new("a").reply(format!("{protocol}://localhost:1"), "PING", "PONG");
        let service = if protocol == "udp" { service.udp("localhost:{udp}") } else { service };
        let service = service.external(&address).start().unwrap();
        assert_eq!(service.addr().to_string(), address);
    }
}

/// Starts an executor at a server that only accepts.
fn at_a_listener(service: Executor) -> (Process, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (service.name("service").external(address).start().unwrap(), listener)
}

#[test]
fn what_needs_its_process_is_an_error_that_says_so() {
    let (mut service, listener) = at_a_listener(Executor::new("a --admin {port:admin}"));
    let second = Duration::from_secs(1);
    let errors = [
        service.stop().unwrap_err(),
        service.stop_with(Signal::INT).unwrap_err(),
        service.kill().unwrap_err(),
        service.restart().unwrap_err(),
        service.stopped(|| panic!("it is not stopped")).unwrap_err(),
        service.signal(Signal::HUP).unwrap_err(),
        service.pause().unwrap_err(),
        service.resume().unwrap_err(),
        service.wait_timeout(second).unwrap_err(),
        service.leak_check().unwrap_err(),
        service.try_port_named("admin").unwrap_err(),
        service.try_dir().unwrap_err(),
    ];
    let address = listener.local_addr().unwrap();
    let why = format!(
        ": it is the server at {address} that `external` names, which was not started here"
    );
    for error in errors {
        let first = error.to_string();
        assert!(first.starts_with("service ") && first.ends_with(&why), "{first}");
        assert_eq!(error.kind(), ErrorKind::External, "{first}");
    }
    // One that is started here has none, either.
    let without_url = service.try_url().unwrap_err();
    assert_eq!(without_url.kind(), ErrorKind::InvalidInput, "{without_url:?}");
    assert!(service.take_stdin().is_none());
    assert!(service.is_running());
}

#[tokio::test]
async fn what_is_awaited_is_an_error_too() {
    let (mut service, _listener) = at_a_listener(Executor::new("a"));
    for error in [
        service.stop_async().await.unwrap_err(),
        service.kill_async().await.unwrap_err(),
        service.restart_async().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::External, "{error:?}");
    }
    assert!(service.is_running());
}

#[test]
#[should_panic(expected = "service has no log: it is the server at")]
fn its_log_is_a_panic_that_says_so() {
    let _ = at_a_listener(Executor::new("a")).0.log();
}

#[test]
#[should_panic(expected = "service has no process id: it is the server at")]
fn its_process_id_is_a_panic_that_says_so() {
    let _ = at_a_listener(Executor::new("a")).0.pid();
}

#[test]
fn the_steps_after_the_start_run_with_the_files() {
    let temp = mirakuru_tests::scratch_dir();
    let done = temp.join("done").display().to_string();
    let script = "cat {dir}/schema >> $DONE; ls {dir} >> $DONE";
    let service = Executor::new("a")
        .env("DONE", &done)
        .file("{dir}/admin", "{port:admin}")
        .file("{dir}/schema", "schema at {port}\n")
        .after_ready(["sh", "-c", script])
        .after_ready_with(|service: &Process| service.try_port().map(drop));
    let (service, _listener) = at_a_listener(service);
    let expected = format!("schema at {}\nschema\n", service.port());
    assert_eq!(fs::read_to_string(&done).unwrap(), expected);
}

fn redirected() -> Executor {
    static LISTENER: std::sync::LazyLock<TcpListener> =
        std::sync::LazyLock::new(|| TcpListener::bind("127.0.0.1:0").unwrap());
    Executor::new("a").external(LISTENER.local_addr().unwrap().to_string())
}

#[with_process(redirected)]
#[with_process(cmd = "b", external = redirected_to())]
#[test]
fn the_attribute_leases_it(one: &Process, other: &mut Process) {
    assert_eq!(one.addr(), other.addr());
    assert_eq!(other.stop().unwrap_err().kind(), ErrorKind::External);
}

fn redirected_to() -> String {
    redirected().start().unwrap().addr().to_string()
}

#[test]
fn a_lease_of_it_has_a_name_of_its_own() {
    static SHARED: Shared = Shared::new(redirected);
    let (one, other) = (SHARED.lease().unwrap(), SHARED.lease().unwrap());
    assert_ne!(one.unique(), other.unique());
}

#[test]
#[should_panic(expected = "cannot be started again for the next test: it is the server at")]
fn it_cannot_be_marked_as_dirty() {
    static SHARED: Shared = Shared::new(redirected);
    SHARED.exclusive().unwrap().mark_dirty();
}

#[test]
fn it_is_reset_after_an_exclusive_lease() {
    static SHARED: Shared =
        Shared::new(|| redirected().file("{dir}/dirty", "").reset("rm {dir}/dirty"));
    let lease = SHARED.exclusive().unwrap();
    let dirty = lease.dir().join("dirty");
    assert!(dirty.exists());
    drop(lease);
    assert!(!dirty.exists());
    drop(SHARED.lease().unwrap());
}

#[test]
fn a_process_that_needs_it_gets_its_address() {
    static SHARED: Shared = Shared::new(redirected);
    static APP: Shared = Shared::new(|| {
        Executor::shell("echo {db.addr} {db.port}; sleep 300").output("^127").needs("db", &SHARED)
    });
    let (app, db) = (APP.lease().unwrap(), SHARED.lease().unwrap());
    assert_eq!(app.log().read().unwrap(), format!("{} {}\n", db.addr(), db.port()));
}
