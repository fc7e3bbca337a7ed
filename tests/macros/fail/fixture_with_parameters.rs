use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
fn redis(version: &str) -> Executor {
    Executor::new(format!("redis-server-{version}"))
}

fn main() {}
