use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", header("Accept", "text/plain"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
