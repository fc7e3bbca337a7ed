use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", env("KEY", "value"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
