use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", times = 2)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
