use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", http = "http://localhost:{port}/", status = 200..300)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
