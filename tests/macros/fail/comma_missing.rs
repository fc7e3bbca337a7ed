use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server" tcp = "localhost:{port}")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
