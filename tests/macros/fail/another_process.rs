use mirakuru_rstest::with_process;
use rstest::fixture;

struct Process;

#[with_process(cmd = "server")]
#[fixture]
fn port(_server: &Process) -> u16 {
    80
}

fn main() {}
