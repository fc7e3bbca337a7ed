use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", output = "ready", on = "err")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
