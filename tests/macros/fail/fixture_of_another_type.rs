use mirakuru_rstest::{Executor, process_fixture};

#[process_fixture]
fn redis() -> Result<Executor, String> {
    Ok(Executor::new("redis-server"))
}

fn main() {}
