use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", udp = "localhost:0")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
