use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", fail_on = "^FATAL")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
