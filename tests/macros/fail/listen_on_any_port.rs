use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", listen = "127.0.0.1:0")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
