use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", output = "ready", times = 0)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
