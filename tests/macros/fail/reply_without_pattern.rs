use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", reply(addr = "localhost:{port}", send = "PING"))]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
