use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", env_clear = true)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
