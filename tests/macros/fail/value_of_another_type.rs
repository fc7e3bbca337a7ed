use mirakuru_rstest::{Process, with_process};
use rstest::fixture;

#[with_process(cmd = "server", timeout = SECONDS)]
#[fixture]
fn port(server: &Process) -> u16 {
    server.port()
}

const SECONDS: u64 = 5;

fn main() {}
