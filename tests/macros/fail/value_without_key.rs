use mirakuru_rstest::{Process, with_process};

#[with_process("server --port {port}")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
