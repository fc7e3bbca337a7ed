use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
fn redis<T: Default>() -> Executor {
    Executor::new("redis-server")
}

fn main() {}
