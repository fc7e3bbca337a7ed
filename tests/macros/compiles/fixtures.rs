//! Definitions in a module of their own, and what they offer.

use mirakuru_rstest::{Process, Shared, with_process};
use rstest::fixture;

mod definitions {
    use mirakuru_rstest::{Executor, process_fixture};

    /// One Redis for a run of the tests.
    #[process_fixture(scope = "session")]
    pub fn redis() -> Executor {
        if cfg!(windows) {
            return Executor::new("memurai");
        }
        Executor::new("redis-server --port {port}").tcp("127.0.0.1:{port}")
    }

    #[process_fixture]
    fn never_used() -> Executor {
        Executor::new("never")
    }
}

use definitions::redis;

#[with_process(redis)]
#[fixture]
fn port(redis: &Process) -> u16 {
    redis.port()
}

#[test]
fn a_definition_is_a_module_too() {
    let _: fn() -> &'static Shared = redis::shared;
    let _: fn() -> u16 = port::get;
}
