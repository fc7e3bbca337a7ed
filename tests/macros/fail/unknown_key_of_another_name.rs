use mirakuru_rstest::{Process, with_process};

#[with_process(command = "server", port = 6379, environment(A = "b"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
