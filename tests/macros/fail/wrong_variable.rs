use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", env_remove("KEY=value"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
