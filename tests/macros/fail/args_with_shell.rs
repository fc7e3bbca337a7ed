use mirakuru_rstest::{Process, with_process};

#[with_process(shell = "exec server", args = ["--port", "{port}"])]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
