use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", output = "ready (to accept")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
