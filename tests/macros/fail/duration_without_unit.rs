use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", timeout = "5")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
