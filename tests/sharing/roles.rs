//! The roles of the test processes.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use mirakuru_rstest::{Attempt, Executor, Process, Scope, Shared, Stdin};
use mirakuru_tests::{bin, http_get, test_process, try_http_get};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{ForkResult, fork};

use crate::{leases, limits, needs, unique};

static BINARY: Shared = Shared::new(|| server("binary"));
static SESSION: Shared = Shared::new(|| server("session")).scope(Scope::Session);
static PAUSED: Shared = Shared::new(with_paused_supervisor).scope(Scope::Session);
static PIPED: Shared = Shared::new(reads_its_input).scope(Scope::Session);
static FIXED: Shared = Shared::new(at_a_fixed_address).scope(Scope::Session);
static BRANCHED: Shared = Shared::new(branched).scope(Scope::Session);
static STUBBORN: Shared = Shared::new(stubborn).scope(Scope::Session);
static RESET: Shared = Shared::new(|| resets("rm -f {dir}/changed")).scope(Scope::Session);
static UNRESET: Shared = Shared::new(|| resets("echo why; exit 3")).scope(Scope::Session);
static FAILS: Shared = Shared::new(fails).scope(Scope::Session);

pub(crate) fn mark() -> String {
    test_process::value("MARK")
}

pub(crate) fn server(name: &str) -> Executor {
    let command = [bin!("mk-http-server"), "{port}", "--mark", &mark()];
    Executor::new(command).http("http://127.0.0.1:{port}/").name(name).env("DIR", "{dir}")
}

/// What a test has changed in its directory is undone by a script.
fn resets(script: &str) -> Executor {
    server("reset").reset(["sh", "-c", script])
}

/// Its supervisor is paused before it is ready, and handles later messages when it is continued.
fn with_paused_supervisor() -> Executor {
    server("paused").probe(|attempt: &Attempt<'_>| {
        let parent = parent_of(attempt.pid());
        test_process::kill(parent, Signal::SIGSTOP);
        test_process::say(format_args!("has pid {parent}"));
        true
    })
}

/// A child of its main process listens, on a fixed port if `PORT` is set.
fn branched() -> Executor {
    let port = std::env::var("PORT").unwrap_or("{port}".to_owned());
    let script = format!("{} {port} --mark {} & wait", bin!("mk-http-server"), mark());
    let url = format!("http://127.0.0.1:{port}/");
    Executor::shell(script).http(url).name("branched").env("DIR", "{dir}")
}

/// It ends by SIGKILL only, and so does its child.
fn stubborn() -> Executor {
    let script = format!("trap '' TERM; sh -c 'sleep 600; : {}' & echo ready; wait", mark());
    Executor::shell(script).output("^ready$").name("stubborn")
}

/// It writes the start log itself, because no server is started.
fn fails() -> Executor {
    Executor::shell("echo start $$ >> $START_LOG; echo because >&2; sleep 0.2; exit 9")
        .tcp("127.0.0.1:{port}")
        .name("fails")
}

/// It ends at the end of its standard input.
fn reads_its_input() -> Executor {
    Executor::shell("echo start $$ >> $START_LOG; echo ready; exec cat")
        .output("^ready$")
        .stdin(Stdin::Piped)
        .name("piped")
}

/// A server at an address that is not its own. It ends late, because it does not handle its stop signal.
fn at_a_fixed_address() -> Executor {
    let at = test_process::value("AT");
    let address = format!("127.0.0.1:{at}");
    let by_http = || Executor::new([bin!("mk-http-server"), &at]);
    let replies = |protocol| Executor::new([bin!("mk-replies"), protocol, &at]);
    let executor = match test_process::value("KIND").as_str() {
        "unix socket" => Executor::new([bin!("mk-unix-server"), &at]).unix_socket(&at),
        "url" => by_http().http(format!("http://{address}/")),
        "reply" => replies("tcp").reply(format!("tcp://{address}"), "PING", "PONG"),
        "udp" => replies("udp").udp(&address),
        "udp reply" => replies("udp").reply(format!("udp://{address}"), "PING", "PONG"),
        "udp known by its output" => replies("udp").output("^bound"),
        "pid file" => Executor::new([bin!("mk-pid-file"), &at]).pid_file(&at),
        "inherited" => Executor::new(bin!("mk-activated")).listen(&address).tcp(&address),
        "known by its output" => by_http().output("^listening"),
        _ => by_http().tcp(&address),
    };
    let ignored = mirakuru_rstest::Signal::new(nix::libc::SIGWINCH);
    executor.stop_signal(ignored).stop_timeout(Duration::from_millis(2500))
}

/// Appends an event in one write.
pub(crate) fn note(event: &str) {
    let path = test_process::value("EVENTS");
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(format!("{event} {}\n", std::process::id()).as_bytes()).unwrap();
}

/// The time in seconds in which every role has ended, unless it hangs.
const LIFE: u32 = 60;

fn changes(server: &mut Process) {
    std::fs::write(server.dir().join("changed"), "").unwrap();
}

/// Notes which server it is.
fn sees_no_change(shared: &'static Shared) {
    let server = shared.lease().unwrap();
    assert!(!server.dir().join("changed").exists());
    assert_eq!(http_get(&server.url()).0, 200);
    note(&format!("has {}", server.pid()));
}

/// Plays a role for another test.
#[test]
fn plays_a_role() {
    let Some(role) = test_process::role() else { return };
    nix::unistd::alarm::set(LIFE);
    match role.as_str() {
        "uses the session's" => uses(&SESSION),
        "uses the binary's" => uses(&BINARY),
        "fails" => fails_at_once(),
        "changes it" => changes(&mut RESET.exclusive().unwrap()),
        "changes it and is killed" => {
            changes(&mut RESET.exclusive().unwrap());
            let mut lease = RESET.exclusive().unwrap();
            changes(&mut lease);
            test_process::kill(std::process::id(), Signal::SIGKILL);
        }
        "leaves it stopped" => drop(RESET.exclusive().unwrap().stop().unwrap()),
        "marks it as dirty" => RESET.exclusive().unwrap().mark_dirty(),
        "changes it for good" => changes(&mut UNRESET.exclusive().unwrap()),
        "sees no change" => sees_no_change(&RESET),
        "sees no change of the other" => sees_no_change(&UNRESET),
        "uses a piped server" => uses_piped(),
        "ends the input" => ends_the_input(),
        "uses a fixed address" => drop(FIXED.lease().unwrap()),
        "reads" => reads(),
        "writes" => writes(),
        "lets it crash" => lets_it_crash(),
        "stays" => stays(),
        "pauses" => alone(|server| server.pause().unwrap()),
        "stops" => alone(|server| drop(server.stop())),
        "pauses its supervisor" => drop(PAUSED.lease().unwrap()),
        "uses the branched one" => uses_branched(),
        "works on the branched one" => works_on_branched(),
        "works on its own" => work(&mut branched().start().unwrap()),
        "keeps the branched one" => keeps(&BRANCHED),
        "keeps the stubborn one" => keeps(&STUBBORN),
        "forks" => forks(),
        "panics" => panics(),
        "has few descriptors" => has_few_descriptors(&SESSION),
        "has few descriptors within one process" => has_few_descriptors(&BINARY),
        "holds a hundred leases" => holds_a_hundred_leases(),
        "holds all leases it gets" => holds_all_leases_it_gets(),
        "counts its descriptors" => limits::counts_its_descriptors(),
        "holds" => holds(),
        "is one too many" => is_one_too_many(),
        "names its leases" => [&BINARY, &SESSION].into_iter().for_each(unique::names_its_leases),
        "uses the session's at the end of input" => uses_at_end_of_input(),
        "starts four" => leases::starts_four(Scope::Session),
        role if role.starts_with("needs: ") => needs::plays(role),
        "measures" => measures(&SESSION),
        "measures within one process" => measures(&BINARY),
        other => panic!("no role is called {other}"),
    }
}

fn uses(shared: &Shared) {
    let server = shared.lease().unwrap();
    assert!(shared.lease_count() > 0);
    let (code, pid) = http_get(&format!("http://{}/pid", server.addr()));
    assert_eq!((code, pid), (200, server.pid().to_string()));
    assert!(server.is_running() && server.dir().is_dir());
    println!("pid {}", server.pid());
}

fn uses_at_end_of_input() {
    test_process::say("begun");
    test_process::wait_for_end_of_input();
    uses(&SESSION);
}

fn uses_piped() {
    let server = PIPED.lease().unwrap();
    // A server that reads the end of its input ends within milliseconds.
    server.log().wait_for("never", Duration::from_millis(200)).unwrap_err();
    assert!(server.is_running(), "{:?}", server.exit_status());
}

fn ends_the_input() {
    let mut server = PIPED.exclusive().unwrap();
    let mut stdin = server.take_stdin().unwrap();
    assert!(server.take_stdin().is_none());
    writeln!(stdin, "a line").unwrap();
    server.log().wait_for("a line", Duration::from_secs(20)).unwrap();
    drop(stdin);
    assert!(server.wait_timeout(Duration::from_secs(20)).unwrap().success());
    server.restart().unwrap();
}

fn fails_at_once() {
    let error = FAILS.lease().unwrap_err();
    println!("{error:?}");
    // It does not matter which test process started it.
    assert!(error.command().is_some_and(|command| command.contains("exit 9")), "{error:?}");
    assert_eq!(std::fs::read_to_string(error.log_path().unwrap()).unwrap(), "because\n");
    assert_eq!(error.exit().and_then(|exit| exit.code()), Some(9));
}

/// Records the time between taking and releasing a shared lease. `writes` does so for an exclusive
/// one.
fn reads() {
    let server = SESSION.lease().unwrap();
    note("reader begins");
    assert_eq!(http_get(&server.url()).0, 200);
    note("reader ends");
}

fn writes() {
    let mut server = SESSION.exclusive().unwrap();
    note("writer begins");
    let url = server.url();
    server.stopped(|| assert!(try_http_get(&url).is_err())).unwrap();
    assert_eq!(http_get(&url).0, 200);
    note("writer ends");
}

fn lets_it_crash() {
    let server = SESSION.lease().unwrap();
    let _ = try_http_get(&format!("http://{}/crash", server.addr()));
    server.log().wait_for("never", Duration::from_secs(20)).unwrap_err();
    assert_eq!(server.exit_status().unwrap().code(), Some(3));
}

/// Uses the server until it is killed.
fn stays() {
    let server = SESSION.lease().unwrap();
    test_process::say(format_args!("has pid {}", server.pid()));
    loop {
        assert_eq!(http_get(&server.url()).0, 200);
    }
}

/// Acts on the server, and holds the exclusive lease until it is killed.
fn alone(what: impl FnOnce(&mut Process)) {
    let mut server = SESSION.exclusive().unwrap();
    what(&mut server);
    test_process::say(format_args!("has pid {}", server.pid()));
    loop {
        std::thread::park();
    }
}

fn uses_branched() {
    let server = BRANCHED.lease().unwrap();
    assert_eq!(http_get(&server.url()).0, 200);
}

/// What `works on the branched one` prints if it got a lease and could not use the server.
pub(crate) const WITHOUT_SERVER: &str = "the server of the lease has ended";

fn works_on_branched() {
    let mut server = BRANCHED.exclusive().unwrap();
    let worked = std::panic::catch_unwind(AssertUnwindSafe(|| work(&mut server)));
    worked.unwrap_or_else(|_| panic!("{WITHOUT_SERVER}"));
}

fn work(server: &mut Process) {
    assert_eq!(http_get(&server.url()).0, 200);
    server.stopped(|| ()).unwrap();
    assert_eq!(http_get(&server.url()).0, 200);
}

/// Holds a lease until its standard input ends.
fn keeps(shared: &Shared) {
    let server = shared.lease().unwrap();
    test_process::say(format_args!("has pid {}", parent_of(server.pid())));
    test_process::wait_for_end_of_input();
}

/// Holds an exclusive lease until it is killed. A fork of it lives until its standard input ends.
fn forks() {
    let server = SESSION.exclusive().unwrap();
    // SAFETY: the child makes system calls and ends.
    if let ForkResult::Child = unsafe { fork() }.unwrap() {
        let _ = nix::unistd::read(std::io::stdin(), &mut [0]); // It ends, too.
        // SAFETY: the call takes any status and does not return.
        unsafe { nix::libc::_exit(0) }
    }
    test_process::say(format_args!("has pid {}", server.pid()));
    loop {
        std::thread::park();
    }
}

fn panics() {
    let server = SESSION.lease().unwrap();
    http_get(&format!("http://{}/status/418", server.addr()));
    panic!("as it should");
}

/// Leases a server with too few descriptors for that at first.
fn has_few_descriptors(shared: &Shared) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let mut errors = Vec::new();
    for limit in 3..soft.min(100) {
        setrlimit(Resource::RLIMIT_NOFILE, limit, hard).unwrap();
        let Err(error) = shared.lease() else { break };
        errors.push(error);
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert!(errors.len() > 3, "{errors:#?}");
    drop(shared.lease().unwrap());
}

fn holds_a_hundred_leases() {
    let leases: Vec<_> = (0..100).map(|_| SESSION.lease().unwrap()).collect();
    assert!(SESSION.lease_count() >= leases.len());
}

/// Takes more leases than its supervisor can have descriptors.
fn holds_all_leases_it_gets() {
    let mut leases = vec![SESSION.lease().unwrap()];
    let supervisor = parent_of(leases[0].pid());
    let mut ticks = ticks_of(supervisor);
    let error = loop {
        match SESSION.lease() {
            Ok(lease) => leases.push(lease),
            Err(error) => break error,
        }
        ticks = ticks_of(supervisor);
    };
    println!("{error:?}");
    assert!(ticks_of(supervisor) - ticks < 20, "the supervisor was busy all the time");
}

/// Returns the processor time that a process has used, in 10 ms.
fn ticks_of(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

pub(crate) fn parent_of(pid: u32) -> u32 {
    mirakuru_tests::parent_of(pid).unwrap()
}

/// Holds an exclusive lease until its standard input ends.
fn holds() {
    let _server = SESSION.exclusive().unwrap();
    test_process::say("holds");
    test_process::wait_for_end_of_input();
}

fn is_one_too_many() {
    println!("{:?}", SESSION.lease().unwrap_err());
}

/// Compares the cost of a lease on a running server with the least that it needs: a connection to a
/// Unix socket and a lock on a file.
fn measures(shared: &Shared) {
    drop(shared.lease().unwrap());
    let times = 200;
    let lease = fastest(times, || drop(shared.lease().unwrap()));
    let path = std::env::temp_dir().join(format!("bare-{}", std::process::id()));
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let bare = fastest(times, || {
        let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let file = std::fs::File::create(path.with_extension("lock")).unwrap();
        let lock = nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockShared).unwrap();
        drop((listener.accept().unwrap(), stream, lock));
    });
    println!("\na lease: {lease:?}; a bare connection and lock: {bare:?}");
    assert!(lease < 100 * bare, "a lease takes {lease:?}, a bare connection and lock {bare:?}");
}

/// Returns the shortest of many times: other processes lengthen the others.
fn fastest(times: usize, mut what: impl FnMut()) -> Duration {
    let time = |_| {
        let began = std::time::Instant::now();
        what();
        began.elapsed()
    };
    (0..times).map(time).min().unwrap()
}
