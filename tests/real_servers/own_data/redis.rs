//! Keys with a prefix for each test, of a Redis that tests with an exclusive lease may flush.

use mirakuru_rstest::{Executor, Lease, Shared, servers};
use mirakuru_tests::need;
use rstest::{fixture, rstest};

use crate::Client;

static REDIS: Shared = Shared::new(redis);

fn redis() -> Executor {
    servers::redis().name("redis-with-keys").reset("redis-cli -p {port} flushall")
}

/// Keys that no other test has.
struct Keys {
    server: Lease,
}

impl Keys {
    /// Sends a command about a key of this test, and returns the first line of the answer.
    fn ask(&self, command: &str, key: &str, rest: &str) -> String {
        let mut client = Client::tcp(self.server.addr());
        client.send(&format!("{command} {}:{key} {rest}\r\n", self.server.unique()));
        client.line()
    }
}

#[fixture]
fn keys() -> Option<Keys> {
    need("redis-server")?;
    Some(Keys { server: REDIS.lease().unwrap() })
}

#[rstest]
fn each_test_has_keys_of_its_own(keys: Option<Keys>, #[values(1, 2, 3, 4, 5)] number: i32) {
    let Some(keys) = keys else { return };
    assert_eq!(keys.ask("EXISTS", "counter", ""), ":0");
    assert_eq!(keys.ask("INCRBY", "counter", &number.to_string()), format!(":{number}"));
    assert_eq!(keys.ask("INCR", "counter", ""), format!(":{}", number + 1));
}

#[rstest]
fn a_test_with_an_exclusive_lease_finds_and_leaves_it_empty(#[values(1, 2, 3)] _round: i32) {
    if need("redis-server").is_none() {
        return;
    }
    let redis = REDIS.exclusive().unwrap();
    let mut client = Client::tcp(redis.addr());
    client.send("GET own\r\n");
    assert_eq!(client.line(), "$-1");
    client.send("SET own value\r\n");
    assert_eq!(client.line(), "+OK");
}
