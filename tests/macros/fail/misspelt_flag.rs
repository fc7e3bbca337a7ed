use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "sleep 1", notfy)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
