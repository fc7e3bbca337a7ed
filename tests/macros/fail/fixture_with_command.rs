use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture(cmd = "redis-server")]
fn redis() -> Executor {
    Executor::new("redis-server")
}

fn main() {}
