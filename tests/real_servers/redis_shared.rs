//! One Redis shared by several tests.

use std::iter;
use std::net::TcpStream;
use std::path::PathBuf;

use mirakuru_rstest::{Executor, Lease, Process, process, process_fixture, with_process};
use mirakuru_tests::test_process::{self, TestProcess};
use mirakuru_tests::{bin, need};
use rstest::{fixture, rstest};

use crate::redis::ask;
use crate::{Client, assert_gone, refuses, tree};

/// Without Redis, another server listens, so that the tests get to the point where they are
/// skipped.
fn command() -> Vec<PathBuf> {
    let (program, words): (PathBuf, &[&str]) = match need("redis-server") {
        Some(redis) => (redis, &["--save", "", "--bind", "127.0.0.1", "--port", "{port}"]),
        None => (bin!("mk-tcp-server").into(), &["{port}"]),
    };
    iter::once(program).chain(words.iter().map(PathBuf::from)).collect()
}

fn line() -> String {
    let words: Vec<_> = command().iter().map(|word| format!("'{}'", word.display())).collect();
    words.join(" ")
}

#[process_fixture]
fn redis() -> Executor {
    Executor::new(command()).tcp("127.0.0.1:{port}").name("redis")
}

/// Returns a connection if this is Redis.
#[track_caller]
fn client(process: &Process) -> Option<Client<TcpStream>> {
    need("redis-server").map(|_| Client::tcp(process.addr()))
}

#[with_process(cmd = command(), tcp = "127.0.0.1:{port}", name = "redis")]
#[rstest]
fn a_shared_one_keeps_what_a_test_wrote_as_long_as_the_test_runs(
    redis: &Process,
    #[values("a", "b", "c", "d")] key: &str,
) {
    let Some(mut client) = client(redis) else { return };
    assert_eq!(ask(&mut client, &format!("DEL {key}")), ":0");
    for count in 1..=500 {
        assert_eq!(ask(&mut client, &format!("INCR {key}")), format!(":{count}"));
    }
    assert_eq!(ask(&mut client, &format!("DEL {key}")), ":1");
}

#[with_process(redis)]
#[test]
fn an_exclusive_one_may_be_restarted_while_no_other_test_uses_it(redis: &mut Process) {
    let Some(mut seen) = client(redis) else { return };
    assert_eq!(ask(&mut seen, "SET exclusive 1"), "+OK");
    let (addr, pids) = (redis.addr(), tree(redis));
    let refused = redis.stopped(|| {
        assert_gone(&pids);
        refuses(addr)
    });
    assert!(refused.unwrap());
    assert_eq!(ask(&mut Client::tcp(addr), "DBSIZE"), ":0");
}

#[with_process(redis)]
#[test]
fn an_exclusive_one_that_was_killed_is_there_for_the_next_test(redis: &mut Process) {
    redis.kill().unwrap();
    assert!(refuses(redis.addr()));
}

#[with_process(redis)]
#[test]
fn a_process_of_its_own_is_empty_and_may_be_ended(mut redis: Process) {
    let Some(mut client) = client(&redis) else { return };
    assert_eq!(ask(&mut client, "DBSIZE"), ":0");
    let pids = tree(&redis);
    assert_eq!(redis.stop().unwrap().code(), Some(0));
    assert_gone(&pids);
}

#[with_process(redis)]
#[with_process(redis)]
#[test]
fn a_key_moves_from_the_shared_one_to_one_of_its_own(redis: &Process, own: Process) {
    let Some(mut from) = client(redis) else { return };
    assert_ne!(redis.pid(), own.pid());
    assert_eq!(ask(&mut from, "SET moving here"), "+OK");
    let migrate = format!("MIGRATE 127.0.0.1 {} moving 0 60000", own.port());
    assert_eq!(ask(&mut from, &migrate), "+OK");
    assert_eq!(ask(&mut from, "GET moving"), "$-1");
    assert_eq!(ask(&mut Client::tcp(own.addr()), "GET moving"), "here");
}

#[rstest]
fn two_leases_of_a_fixture_are_one_redis(redis: Lease, #[from(redis)] other: Lease) {
    assert_eq!(redis.pid(), other.pid());
    let (Some(mut one), Some(mut two)) = (client(&redis), client(&other)) else { return };
    assert_eq!(ask(&mut one, "SET leased twice"), "+OK");
    assert_eq!(ask(&mut two, "GET leased"), "twice");
}

#[fixture]
fn connection(redis: Lease) -> (Option<Client<TcpStream>>, Lease) {
    (client(&redis), redis)
}

#[rstest]
#[case("echo", "ECHO echo")]
#[case(":5", "STRLEN 5")]
fn a_fixture_over_the_fixture_gives_connections(
    connection: (Option<Client<TcpStream>>, Lease),
    #[case] answer: &str,
    #[case] question: &str,
) {
    let Some(mut client) = connection.0 else { return };
    assert_eq!(ask(&mut client, "SET 5 hello"), "+OK");
    assert_eq!(ask(&mut client, question), answer);
}

#[rstest]
fn the_ready_fixture_starts_redis(#[with(&line(), "tcp:127.0.0.1:{port}")] process: Lease) {
    let Some(mut client) = client(&process) else { return };
    assert_eq!(ask(&mut client, "PING"), "+PONG");
}

#[with_process(redis)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_share_one_redis_and_see_its_restart(redis: &mut Process) {
    let addr = redis.addr();
    let count = || async move {
        let tasks = (0..8).map(|_| {
            tokio::task::spawn_blocking(move || ask(&mut Client::tcp(addr), "INCR tasks"))
        });
        let mut last = String::new();
        for task in tasks.collect::<Vec<_>>() {
            last = last.max(task.await.unwrap());
        }
        last
    };
    if need("redis-server").is_none() {
        return;
    }
    assert_eq!(count().await, ":8");
    redis.restart().unwrap();
    assert_eq!(count().await, ":8", "it has forgotten what was");
}

#[with_process(redis)]
#[test]
fn a_shared_one_prints_its_pid(redis: &Process) {
    test_process::say(format_args!("pid {}", redis.pid()));
}

#[test]
fn a_shared_one_is_gone_with_the_tests() {
    let test = "redis_shared::a_shared_one_prints_its_pid";
    let mut tests = TestProcess::playing(test, "tells its pid");
    let pid = tests.number("pid ");
    tests.finish();
    assert_gone(&[pid]);
}
