use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server {port}", output = "port (?<port>.*)")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
