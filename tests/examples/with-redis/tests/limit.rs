//! All tests share one Redis. Run them by `cargo test -p with-redis`.

use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use redis::Connection;
use rstest::rstest;
use with_redis::may_log_in;

/// It is not called `redis`, which would hide the crate of that name.
#[process_fixture]
fn redis_server() -> Executor {
    servers::redis()
}

fn connect(server: &Process) -> Connection {
    let url = format!("redis://{}/", server.addr());
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// `unique` is a name that no other test has, so that tests can run at the same time.
#[rstest]
fn the_fourth_attempt_is_refused(redis_server: Lease) {
    let mut redis = connect(&redis_server);
    let user = redis_server.unique();
    for _ in 0..3 {
        assert!(may_log_in(&mut redis, user).unwrap());
    }
    assert!(!may_log_in(&mut redis, user).unwrap());
}

#[rstest]
fn each_user_has_a_limit_of_its_own(redis_server: Lease, #[values("ada", "bob")] name: &str) {
    let mut redis = connect(&redis_server);
    let user = format!("{name}-{}", redis_server.unique());
    assert!(may_log_in(&mut redis, &user).unwrap());
}

/// `&mut` asks for the server alone: this test waits for the others, and they for it.
#[with_process(redis_server)]
#[test]
fn a_crash_of_redis_is_an_error(redis_server: &mut Process) {
    let mut redis = connect(redis_server);
    redis_server.kill().unwrap();
    assert!(may_log_in(&mut redis, "ada").is_err());

    redis_server.restart().unwrap();
    assert!(may_log_in(&mut connect(redis_server), "ada").unwrap());
}
