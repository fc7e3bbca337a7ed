use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
fn redis() {
    Executor::new("redis-server");
}

fn main() {}
