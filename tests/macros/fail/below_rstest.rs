use mirakuru_rstest::{Process, with_process};
use rstest::rstest;

#[rstest]
#[with_process(cmd = "sleep 60")]
fn alone(server: &Process) {
    assert!(server.is_running());
}

#[rstest]
#[with_process(cmd = "sleep 60")]
fn with_values(server: &Process, #[values(1)] n: u8) {
    assert!(server.is_running() && n > 0);
}

fn main() {}
