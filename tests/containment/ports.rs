//! Reserved ports, while threads of this process and of another one open and close ports as
//! fast as they can.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_rstest::{Executor, Process};
use mirakuru_tests::test_process::{self, TestProcess, say, wait_for_end_of_input};
use mirakuru_tests::{bin, budget, http_get, is_ephemeral};
use nix::libc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt::Linger};

/// The number of ports that each thread has open at a time.
const BATCH: usize = 32;

const HOSTS: [&str; 4] = ["127.0.0.1", "0.0.0.0", "::1", "::"];

/// Returns the number of servers at once, and of rounds: fewer if the time is short.
fn size() -> (usize, usize) {
    if budget() > Duration::from_secs(10) { (256, 10) } else { (64, 2) }
}

#[test]
fn no_port_is_lost_while_others_open_and_close_ports() {
    let (servers, rounds) = size();
    // Each server needs some descriptors in this process.
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, now.max(most.min(8192)), most).unwrap();
    let mut other = TestProcess::playing("ports::opens_and_closes_until_its_input_ends", "opens");

    let began = Instant::now();
    let mut starts = Duration::ZERO;
    let opened = beside_others(|| {
        for _ in 0..rounds {
            starts += one_round(servers);
        }
    });
    other.go_on();
    let opened_there = other.number("opened ");
    assert!(other.wait().success());
    println!(
        "{rounds} rounds of {servers} servers in {:?}, {starts:?} of it until they were ready; \
         0 failed, 0 ports lost; meanwhile others opened {opened} ports here and {opened_there} in \
         another process",
        began.elapsed()
    );
    assert!(opened > 0 && opened_there > 0, "no port was opened meanwhile");
}

/// Starts that many servers at once, and returns the slowest start.
fn one_round(servers: usize) -> Duration {
    let executor = Executor::new([bin!("mk-http-server"), "{port}"]).tcp("127.0.0.1:{port}");
    let all_are_up = Barrier::new(servers);
    let start = || {
        let began = Instant::now();
        let started = executor.start();
        let took = began.elapsed();
        all_are_up.wait();
        let process = started?;
        let (_, pid) = http_get(&process.render("http://127.0.0.1:{port}/pid")?);
        Ok((process, took, pid))
    };
    let outcomes: Vec<Result<_, mirakuru_rstest::Error>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..servers).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {servers} failed: {:?}", failed.len(), failed[0]);
    let mut ports = BTreeSet::new();
    let mut slowest = Duration::ZERO;
    let mut processes = Vec::new();
    for (process, took, pid) in outcomes.into_iter().flatten() {
        assert_eq!(pid, process.pid().to_string(), "another server answers at its port");
        // A lost port would not be noticed otherwise: the server is started again on a locked port.
        assert!(is_ephemeral(process.port()), "the port was lost, and {process:?} has another one");
        assert!(ports.insert(process.port()), "{} is given twice", process.port());
        slowest = slowest.max(took);
        processes.push(process);
    }
    stop_all(processes);
    slowest
}

fn stop_all(processes: Vec<Process>) {
    thread::scope(|scope| {
        for process in processes {
            scope.spawn(|| drop(process));
        }
    });
}

/// Acts while threads open and close ports that the kernel chooses. Returns the number of those.
fn beside_others(act: impl FnOnce()) -> usize {
    let (is_over, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
    let until_it_is_over = |open: fn()| {
        while !is_over.load(Ordering::Relaxed) {
            open();
            opened.fetch_add(BATCH, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for open in [open_listeners, open_connections, open_datagrams] {
            scope.spawn(move || until_it_is_over(open));
        }
        // The threads end even if this panics.
        let _end = End(&is_over);
        act();
    });
    opened.into_inner()
}

struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn open_listeners() {
    let open = |turn: usize| TcpListener::bind((HOSTS[turn % HOSTS.len()], 0)).unwrap();
    drop((0..BATCH).map(open).collect::<Vec<_>>());
}

fn open_connections() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    drop((0..BATCH).map(|_| connect(&listener, address)).collect::<Vec<_>>());
}

/// Returns both ends of a connection that does not leave a port in TIME_WAIT.
fn connect(listener: &TcpListener, address: SocketAddr) -> [TcpStream; 2] {
    let client = TcpStream::connect(address).unwrap();
    let (server, _) = listener.accept().unwrap();
    setsockopt(&client, Linger, &libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
    [client, server]
}

fn open_datagrams() {
    let open = |turn: usize| UdpSocket::bind((HOSTS[turn % HOSTS.len()], 0)).unwrap();
    drop((0..BATCH).map(open).collect::<Vec<_>>());
}

/// Plays a role for another test.
#[test]
fn opens_and_closes_until_its_input_ends() {
    if test_process::role().is_some() {
        let opened = beside_others(wait_for_end_of_input);
        say(format_args!("opened {opened}"));
    }
}
