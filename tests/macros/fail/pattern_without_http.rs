use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", pattern = "up")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
