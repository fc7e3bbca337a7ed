use mirakuru_rstest::{Executor, Lease, Process, process_fixture, servers, with_process};
use rstest::rstest;

/// One Redis for all tests of this binary.
#[process_fixture]
fn store() -> Executor {
    servers::redis().args(["--maxmemory", "64mb"])
}

#[rstest]
fn uses_it_beside_other_tests(store: Lease) {
    println!("redis://{}/", store.addr());
}

#[with_process(store)]
#[test]
fn survives_a_crash_of_it(store: &mut Process) {
    store.kill().unwrap();
    store.restart().unwrap();
}
