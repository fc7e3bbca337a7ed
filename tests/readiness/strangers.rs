//! Ownership: a listener or pid file of another process does not make ours ready.

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{self, Command};
use std::sync::Mutex;
use std::thread;

use mirakuru_core::{Attempt, ErrorKind, Executor, Owner};
use mirakuru_tests::program::listen_beside_others;
use mirakuru_tests::starting::{
    LONG, SOON, StartSoon, fails, keeps_a_port, mark, nothing_left, reports, soon,
};
use mirakuru_tests::{bin, eventually, http_get, scratch_dir};

/// A probe that takes the port of the server after that has started.
fn take_its_port(host: IpAddr) -> impl Fn(&Attempt<'_>) -> bool + Send + Sync {
    let taken = Mutex::new(Vec::new());
    move |attempt| {
        let mut taken = taken.lock().unwrap();
        if taken.is_empty() {
            taken.push(TcpListener::bind((host, attempt.port().unwrap())).unwrap());
        }
        true
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_on_the_port_before_the_start_is_named() {
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = stranger.local_addr().unwrap().to_string();
    let mark = mark();
    let executor = Executor::shell(format!("sleep 300 # {mark}")).timeout(LONG);
    let pid = format!("pid {}", process::id());
    for executor in [executor.clone().tcp(&address), executor.http(format!("http://{address}/"))] {
        let error = fails(&executor, ErrorKind::AlreadyRunning);
        reports(&error, &[&address, &pid, "help"]);
        nothing_left(&mark);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_on_the_port_after_the_start_is_named() {
    let mark = mark();
    let pid = format!("pid {}", process::id());
    for is_http in [false, true] {
        let executor = Executor::shell(format!("sleep 300 # {mark}"));
        let executor = executor.probe(take_its_port(Ipv4Addr::LOCALHOST.into())).timeout(LONG);
        let executor = if is_http {
            executor.http("http://127.0.0.1:{port}/")
        } else {
            executor.tcp("127.0.0.1:{port}")
        };
        let error = fails(&executor.env("PORT", "{port}"), ErrorKind::AlreadyRunning);
        reports(&error, &["another process", &pid]);
        nothing_left(&mark);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_that_listens_by_intent_counts_after_the_start_only() {
    let executor = Executor::new("sleep 300").owner(Owner::Any).env("PORT", "{port}");
    let takes = executor.clone().probe(take_its_port(Ipv4Addr::LOCALHOST.into()));
    let takes = takes.tcp("127.0.0.1:{port}").timeout(LONG);
    assert!(takes.start_soon().is_running());

    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let executor = executor.tcp(stranger.local_addr().unwrap().to_string()).timeout(LONG);
    fails(&executor, ErrorKind::AlreadyRunning);
}

/// Returns an address of this machine that is not a loopback address.
#[cfg(not(mirakuru_fallback))]
fn another_address() -> Option<IpAddr> {
    let mut addresses = nix::ifaddrs::getifaddrs().unwrap();
    let found = addresses.find_map(|interface| {
        let address = interface.address?.as_sockaddr_in()?.ip();
        (!address.is_loopback()).then_some(address.into())
    });
    if found.is_none() {
        println!("skipped: this machine has its loopback address alone");
    }
    found
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_on_another_address_of_this_machine_is_named() {
    let Some(ip) = another_address() else { return };
    let executor = Executor::new([bin!("mk-tcp-server"), "{port}", "--host", &ip.to_string()]);
    let address = format!("{ip}:{{port}}");
    assert!(executor.tcp(&address).timeout(LONG).start_when_ready().is_running());

    let mark = mark();
    let executor = Executor::shell(format!("sleep 300 # {mark}")).env("PORT", "{port}");
    for host in [ip, Ipv4Addr::UNSPECIFIED.into()] {
        let executor = executor.clone().probe(take_its_port(host)).tcp(&address).timeout(LONG);
        let error = fails(&executor, ErrorKind::AlreadyRunning);
        reports(&error, &[&ip.to_string(), "another process", &format!("pid {}", process::id())]);
        nothing_left(&mark);
    }
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_that_gets_a_part_of_the_connections_is_named() {
    let server = Executor::new([bin!("mk-tcp-server"), "{port}", "--share"]);
    let ours = server.clone().tcp("127.0.0.1:{port}").timeout(LONG).start_when_ready();
    assert!(ours.is_running());

    let taken = Mutex::new(Vec::new());
    let take = move |attempt: &Attempt<'_>| {
        let listener = listen_beside_others(attempt.port().unwrap()).unwrap();
        taken.lock().unwrap().push(listener);
        true
    };
    let executor = server.output("listening on").probe(take).tcp("127.0.0.1:{port}").timeout(LONG);
    let error = fails(&executor, ErrorKind::AlreadyRunning);
    reports(&error, &["another process", &format!("pid {}", process::id())]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn an_end_of_ours_is_not_hidden_by_a_strangers_answer() {
    let server = [bin!("mk-exit"), "98", "--delay", "100"];
    let executor = Executor::new(server)
        .probe(take_its_port(Ipv4Addr::LOCALHOST.into()))
        .tcp("127.0.0.1:{port}");
    let error = soon(|| executor.timeout(LONG).start()).unwrap_err();
    let kind = error.kind();
    assert!(matches!(kind, ErrorKind::AlreadyRunning | ErrorKind::Exited), "{error:?}");
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn the_url_of_another_server_does_not_make_ours_ready() {
    let server = [bin!("mk-http-server"), "{port}"];
    let other = Executor::new(server).http("http://127.0.0.1:{port}/").start_when_ready();
    let executor = Executor::new("sleep 300").http(other.url()).timeout(LONG);
    reports(&fails(&executor, ErrorKind::AlreadyRunning), &[&format!("pid {}", other.pid())]);
}

#[test]
fn of_two_that_race_for_a_port_one_starts_and_one_gets_an_error() {
    let keeper = keeps_a_port();
    let port = keeper.port();
    let server = [bin!("mk-http-server"), &port.to_string()];
    let executor = Executor::new(server).http(format!("http://127.0.0.1:{port}/")).timeout(LONG);
    let outcomes = thread::scope(|scope| {
        let racers = [(), ()].map(|()| scope.spawn(|| soon(|| executor.start())));
        racers.map(|racer| racer.join().unwrap())
    });
    let (started, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let [Ok(winner)] = &started[..] else { panic!("not one has started: {failed:?}") };
    let (_, body) = http_get(&winner.render(format!("http://127.0.0.1:{port}/pid")).unwrap());
    assert_eq!(body, winner.pid().to_string());
    let [Err(loser)] = &failed[..] else { panic!("both have started") };
    let kind = loser.kind();
    assert!(matches!(kind, ErrorKind::AlreadyRunning | ErrorKind::Exited), "{loser:?}");
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_on_the_unix_socket_is_named() {
    let dir = scratch_dir();
    let path = dir.join("socket");
    let _stranger = UnixListener::bind(&path).unwrap();
    let error = fails(
        &Executor::new("sleep 300").unix_socket(&path).timeout(LONG),
        ErrorKind::AlreadyRunning,
    );
    reports(&error, &[&format!("pid {}", process::id())]);
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_stranger_on_the_unix_socket_after_the_start_is_named() {
    let taken = Mutex::new(Vec::new());
    let take = move |attempt: &Attempt<'_>| {
        let path = attempt.dir().unwrap().join("socket");
        taken.lock().unwrap().push(UnixListener::bind(path).unwrap());
        true
    };
    let executor = Executor::new("sleep 300").probe(take).unix_socket("{dir}/socket");
    let error = fails(&executor.timeout(LONG), ErrorKind::AlreadyRunning);
    reports(&error, &[&format!("pid {}", process::id())]);
}

#[test]
fn a_unix_socket_that_a_crash_left_does_no_harm() {
    let dir = scratch_dir();
    let path = dir.join("socket");
    drop(UnixListener::bind(&path).unwrap());
    // A process that another test forks at this moment may hold it for a moment.
    eventually(SOON, || UnixStream::connect(&path).is_err());
    assert!(path.exists());
    let executor = Executor::new([bin!("mk-unix-server")]).arg(&path).unix_socket(&path);
    assert!(executor.timeout(LONG).start_when_ready().is_running());
}

#[test]
fn a_pid_file_left_by_a_crash_does_no_harm() {
    let mut crashed = Command::new("true").spawn().unwrap();
    crashed.wait().unwrap();
    let dir = scratch_dir();
    let path = dir.join("pid");
    std::fs::write(&path, format!("{}\n", crashed.id())).unwrap();

    let executor = Executor::new([bin!("mk-pid-file"), "--delay", "100"]).arg(&path);
    let process = executor.pid_file(&path).timeout(LONG).start_when_ready();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.trim(), process.pid().to_string());
}

#[cfg(not(mirakuru_fallback))]
#[test]
fn a_pid_file_that_names_a_stranger_is_refused_before_and_after_the_start() {
    let dir = scratch_dir();
    let path = dir.join("pid");
    let own = process::id();
    let write = format!("echo {own} > {}; sleep 300", path.display());
    let executor = Executor::shell(write).pid_file(&path).timeout(LONG);
    for _ in 0..2 {
        let error = fails(&executor, ErrorKind::AlreadyRunning);
        reports(&error, &[&format!("pid {own}")]);
    }
}
