use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server --port {port}", htp = "http://127.0.0.1:{port}/")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
