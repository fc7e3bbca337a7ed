//! Sharing in one process: which lease waits for which, and the process between leases.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use mirakuru_rstest::__private::{Request, acquire};
use mirakuru_rstest::{ErrorKind, Executor, Scope, Shared};
use mirakuru_tests::{bin, eventually, http_get, scratch_dir};

use mirakuru_tests::test_process;

use crate::run::{Run, all_passed, run_all};

const LONG: Duration = Duration::from_secs(20);

/// A server whose executor differs from those of other tests by its name.
fn server(name: &str) -> Executor {
    let command = [bin!("mk-http-server"), "{port}", "--mark", name];
    Executor::new(command).http("http://127.0.0.1:{port}/")
}

#[test]
fn any_number_of_threads_get_one_process() {
    static SERVER: Shared = Shared::new(|| server("one-process"));
    let barrier = Barrier::new(32);
    let pids: Vec<u32> = thread::scope(|scope| {
        let lease = || {
            barrier.wait();
            SERVER.lease().unwrap().pid()
        };
        let threads: Vec<_> = (0..32).map(|_| scope.spawn(lease)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
}

#[test]
fn equal_definitions_are_one_process_and_different_ones_are_not() {
    static ONE: Shared = Shared::new(|| server("equal"));
    static SAME: Shared = Shared::new(|| server("equal"));
    static OTHER: Shared = Shared::new(|| server("equal").env("A", "b"));
    let pids = [&ONE, &SAME, &OTHER].map(|shared| shared.lease().unwrap().pid());
    assert_eq!(pids[0], pids[1]);
    assert_ne!(pids[0], pids[2]);
}

#[test]
fn users_are_counted() {
    static SERVER: Shared = Shared::new(|| server("users"));
    assert_eq!(SERVER.lease_count(), 0);
    let first = SERVER.lease().unwrap();
    let second = SERVER.lease().unwrap();
    assert_eq!(SERVER.lease_count(), 2);
    drop(first);
    assert_eq!(SERVER.lease_count(), 1);
    drop(second);
    assert_eq!(SERVER.lease_count(), 0);
    drop(SERVER.exclusive().unwrap());
    assert_eq!(SERVER.lease_count(), 0);
}

#[test]
fn a_failed_start_is_remembered_and_reported_to_each() {
    static STARTS: AtomicUsize = AtomicUsize::new(0);
    static FAILS: Shared = Shared::new(|| {
        Executor::new("sh -c 'echo cannot >&2; exit 3'").probe(
            |_: &mirakuru_rstest::Attempt<'_>| {
                STARTS.fetch_add(1, Ordering::SeqCst);
                false
            },
        )
    });
    let first = FAILS.lease().unwrap_err();
    let asked = STARTS.load(Ordering::SeqCst);
    for error in [FAILS.lease().unwrap_err(), FAILS.exclusive().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Exited);
        assert_eq!(format!("{error:?}"), format!("{first:?}"));
        assert!(format!("{error:?}").contains("cannot"));
    }
    assert_eq!(STARTS.load(Ordering::SeqCst), asked, "it was started once more");
}

#[test]
fn an_exclusive_lease_waits_for_the_shared_ones_and_lets_no_new_ones_pass() {
    static SERVER: Shared = Shared::new(|| server("exclusive"));
    let (send, events) = mpsc::channel();
    let shared = SERVER.lease().unwrap();
    thread::scope(|scope| {
        let writer = send.clone();
        scope.spawn(move || {
            let lease = SERVER.exclusive().unwrap();
            writer.send("exclusive").unwrap();
            drop(lease);
        });
        // The exclusive request is queued by now, or soon: a new lease then waits behind it.
        eventually(LONG, || is_kept_out(&SERVER));
        scope.spawn(move || {
            let lease = SERVER.lease().unwrap();
            send.send("shared").unwrap();
            drop(lease);
        });
        assert!(events.try_recv().is_err(), "a request did not wait");
        drop(shared);
        assert_eq!(events.recv_timeout(LONG), Ok("exclusive"));
        assert_eq!(events.recv_timeout(LONG), Ok("shared"));
    });
}

/// Returns true if another test that requests a lease now has to wait.
fn is_kept_out(server: &'static Shared) -> bool {
    let (send, got) = mpsc::channel();
    let asking = thread::spawn(move || {
        let lease = server.lease();
        let _ = send.send(()); // The receiver is gone if the lease came late.
        drop(lease);
    });
    let is_kept_out = got.recv_timeout(Duration::from_millis(100)).is_err();
    if !is_kept_out {
        asking.join().unwrap();
    }
    is_kept_out
}

#[test]
fn a_test_gets_what_it_leases_already_even_while_an_exclusive_lease_waits() {
    static SERVER: Shared = Shared::new(|| server("again"));
    let first = SERVER.lease().unwrap();
    let waiting = thread::spawn(|| drop(SERVER.exclusive().unwrap()));
    eventually(LONG, || is_kept_out(&SERVER));
    let second = SERVER.lease().unwrap();
    assert_eq!(first.pid(), second.pid());
    drop((first, second));
    waiting.join().unwrap();
}

#[test]
fn a_test_that_would_wait_for_itself_gets_an_error() {
    static SERVER: Shared = Shared::new(|| server("itself"));
    let shared = SERVER.lease().unwrap();
    assert_eq!(SERVER.exclusive().unwrap_err().kind(), ErrorKind::Lease);
    drop(shared);
    let exclusive = SERVER.exclusive().unwrap();
    for error in [SERVER.lease().map(drop), SERVER.exclusive().map(drop)] {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Lease);
    }
    drop(exclusive);
    drop(SERVER.lease().unwrap());
}

#[test]
fn a_process_that_died_is_started_again_for_the_next_lease() {
    static SERVER: Shared = Shared::new(|| server("died"));
    let lease = SERVER.lease().unwrap();
    let pid = lease.pid();
    let _ = mirakuru_tests::try_http_get(&format!("http://{}/crash", lease.addr()));
    eventually(LONG, || !lease.is_running());
    assert_eq!(lease.exit_status().unwrap().code(), Some(3));
    drop(lease);
    let lease = SERVER.lease().unwrap();
    assert_ne!(lease.pid(), pid);
    assert_eq!(http_get(&lease.url()).0, 200);
}

#[test]
fn what_an_exclusive_lease_stopped_runs_for_the_next_one() {
    static SERVER: Shared = Shared::new(|| server("stopped"));
    let mut lease = SERVER.exclusive().unwrap();
    lease.stop().unwrap();
    drop(lease);
    assert!(SERVER.lease().unwrap().is_running());
}

#[test]
fn what_an_exclusive_lease_paused_goes_on_for_the_next_one() {
    static SERVER: Shared = Shared::new(|| server("paused"));
    let mut lease = SERVER.exclusive().unwrap();
    lease.pause().unwrap();
    drop(lease);
    assert_eq!(http_get(&SERVER.lease().unwrap().url()).0, 200);
}

#[test]
fn tests_that_name_processes_in_any_order_do_not_wait_for_each_other() {
    let a = || server("order-a");
    let b = || server("order-b");
    let began = Instant::now();
    thread::scope(|scope| {
        for turn in 0..16 {
            scope.spawn(move || {
                for _ in 0..8 {
                    let grants = match turn % 4 {
                        0 => acquire([Request::exclusive(&a), Request::exclusive(&b)]),
                        1 => acquire([Request::exclusive(&b), Request::exclusive(&a)]),
                        2 => acquire([Request::shared(&a), Request::exclusive(&b)]),
                        _ => acquire([Request::shared(&b), Request::shared(&a)]),
                    };
                    assert!(grants.iter().all(|grant| grant.shared().is_running()));
                }
            });
        }
    });
    assert!(began.elapsed() < LONG, "a test waited until the lease timeout");
}

#[test]
fn a_lease_that_waits_too_long_names_the_holder() {
    let test = "leases::plays_a_role";
    let mut tests = test_process::playing(test, "deadlock");
    let output = tests.env("MIRAKURU_LEASE_TIMEOUT", "0.3").output().unwrap();
    let printed = test_process::printed(&output);
    assert!(printed.contains("was not returned within 0.300 s by"), "{printed}");
    assert!(
        printed.contains("holds b, wants a") || printed.contains("holds a, wants b"),
        "{printed}"
    );
}

#[test]
fn an_environment_variable_with_an_unknown_value_is_an_error_that_names_it() {
    let test = "leases::plays_a_role";
    for (name, value) in [("MIRAKURU_LEASE_TIMEOUT", "soon"), ("MIRAKURU_LOG", "debug")] {
        let output = test_process::playing(test, "deadlock").env(name, value).output().unwrap();
        let printed = test_process::printed(&output);
        let error = format!("the environment variable {name} cannot be `{value}`");
        assert!(printed.contains(&error), "{printed}");
    }
}

/// Plays a role for another test: two tests lease two processes one by one, in opposite orders.
#[test]
fn plays_a_role() {
    static A: Shared = Shared::new(|| server("deadlock-a"));
    static B: Shared = Shared::new(|| server("deadlock-b"));
    if test_process::role().is_none() {
        return;
    }
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        for (name, first, second) in [("holds a, wants b", &A, &B), ("holds b, wants a", &B, &A)] {
            let barrier = &barrier;
            let take_both = move || {
                let held = first.exclusive().unwrap();
                barrier.wait();
                if let Err(error) = second.exclusive() {
                    println!("{error:?}");
                }
                drop(held);
            };
            let builder = thread::Builder::new().name(name.to_owned());
            builder.spawn_scoped(scope, take_both).unwrap();
        }
    });
}

/// A server that prints each line that it is sent.
fn printer(name: &str) -> Executor {
    let script = "while read line; do echo $line; done < {dir}/in";
    Executor::shell(format!("mkfifo {{dir}}/in; echo ready; exec 3<>{{dir}}/in; {script}"))
        .name(name)
        .output("ready")
}

fn print(process: &mirakuru_rstest::Process, line: &str) {
    std::fs::write(process.dir().join("in"), format!("{line}\n")).unwrap();
    process.log().wait_for(&format!("^{line}$"), LONG).unwrap();
}

#[test]
fn a_lease_that_was_dropped_on_another_thread_leaves_no_lines_to_the_next() {
    static SERVER: Shared = Shared::new(|| printer("dropped-elsewhere"));
    let first = SERVER.lease().unwrap();
    print(&first, "one");
    thread::spawn(move || drop(first)).join().unwrap();
    let second = SERVER.lease().unwrap();
    print(&second, "two");
    assert_eq!(second.log().since_lease().unwrap(), "two\n");
}

#[test]
fn other_threads_of_a_test_see_what_was_written_since_its_lease() {
    static SERVER: Shared = Shared::new(|| printer("other-threads"));
    print(&SERVER.lease().unwrap(), "one");
    let lease = SERVER.lease().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            print(&lease, "two");
            assert_eq!(lease.log().since_lease().unwrap(), "two\n");
        });
    });
}

/// Starts four servers, each of which is ready when all have begun to start.
pub(crate) fn starts_four(scope: Scope) {
    let begun = scratch_dir();
    let [one, two, three, own] = ["one", "two", "three", "own"].map(|name| {
        let dir = begun.display();
        let others = format!("while [ $(ls {dir} | wc -l) -lt 4 ]; do sleep 0.02; done");
        let script = format!(": > {dir}/{name}; {others}; echo up; exec sleep 60");
        move || Executor::shell(&script).output("^up$").name(name)
    });
    let grants = acquire([
        Request::shared(&one).scope(scope),
        Request::exclusive(&two).scope(scope),
        Request::shared(&three).scope(scope),
        Request::own(&own),
    ]);
    assert!(grants.iter().all(|grant| grant.shared().is_running()));
}

#[test]
fn the_processes_of_one_test_start_at_the_same_time() {
    starts_four(Scope::Binary);
    let run = Run::new();
    all_passed(&run_all(vec![run.test("starts four")], 1));
    run.finish();
}
