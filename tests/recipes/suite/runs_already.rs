use mirakuru_rstest::{Executor, Lease, process_fixture, servers};
use rstest::rstest;

/// `MIRAKURU_USE_CACHE=localhost:6379` replaces it.
#[process_fixture]
fn cache() -> Executor {
    servers::redis().name("cache")
}

#[rstest]
fn is_reached(cache: Lease) {
    println!("redis://{}/", cache.addr());
}
