use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
#[once]
fn redis() -> Executor {
    Executor::new("redis-server")
}

fn main() {}
