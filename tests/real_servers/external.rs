//! A preset that leases a Redis which runs already.

use mirakuru_rstest::{ErrorKind, Shared, servers};
use mirakuru_tests::{need, test_process};

use crate::Client;
use crate::redis::ask;

/// Plays a test of a suite whose Redis is a service of its CI job.
#[test]
fn plays_a_test_of_a_preset() {
    static REDIS: Shared = Shared::new(servers::redis);
    if test_process::role().is_none() {
        return;
    }
    let mut redis = REDIS.exclusive().unwrap();
    assert_eq!(redis.stop().unwrap_err().kind(), ErrorKind::External);
    assert_eq!(ask(&mut Client::tcp(redis.addr()), "SET found 42"), "+OK");
    test_process::say("has written");
}

#[test]
fn a_preset_leases_the_redis_that_a_variable_names() {
    if need("redis-server").is_none() {
        return;
    }
    let redis = servers::redis().start().unwrap();
    let mut test = test_process::playing("external::plays_a_test_of_a_preset", "tests");
    test.env("MIRAKURU_USE_REDIS", redis.addr().to_string());
    let printed = test_process::printed(&test.output().unwrap());
    assert!(printed.contains("has written"), "{printed}");
    assert_eq!(ask(&mut Client::tcp(redis.addr()), "GET found"), "42");
}
