use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", command = [])]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
