use mirakuru_rstest::{Executor, Process, process_fixture};

#[process_fixture]
fn redis() -> Process {
    Executor::new("redis-server").start().unwrap()
}

#[process_fixture]
fn store() -> Result<Executor, String> {
    Ok(Executor::new("redis-server"))
}

fn main() {}
