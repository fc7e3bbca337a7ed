use mirakuru_rstest::{Process, with_process};
use rstest::fixture;

#[with_process(cmd = "server")]
#[fixture]
fn port(server: &Process) -> u16 {
    server.stop().is_ok().into()
}

fn main() {}
