use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
fn redis() -> Option<Executor> {
    Some(Executor::new("redis-server"))
}

fn main() {}
