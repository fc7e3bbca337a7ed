use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", args = ["--port", "{prt}"])]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
