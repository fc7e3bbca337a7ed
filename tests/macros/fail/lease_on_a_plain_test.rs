use mirakuru_rstest::{Executor, ExclusiveLease, Lease, process_fixture, with_process};

#[process_fixture]
fn redis() -> Executor {
    Executor::new("redis-server")
}

#[with_process(redis)]
#[test]
fn shares(redis: Lease) {
    println!("{}", redis.addr());
}

#[with_process(redis)]
#[tokio::test]
async fn has_it_alone(mut redis: ExclusiveLease) {
    redis.restart().unwrap();
}

#[with_process(redis)]
fn borrows(redis: &Lease) {
    println!("{}", redis.addr());
}

fn main() {}
