use mirakuru_rstest::{Process, with_process};
use rstest::fixture;

#[with_process(REDIS)]
#[fixture]
fn port(redis: &Process) -> u16 {
    redis.port()
}

const REDIS: &str = "redis-server --port {port}";

fn main() {}
