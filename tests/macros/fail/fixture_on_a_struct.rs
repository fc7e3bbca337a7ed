use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
struct Redis {
    executor: Executor,
}

fn main() {}
