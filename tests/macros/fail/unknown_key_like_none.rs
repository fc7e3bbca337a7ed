use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", port = 6379)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
