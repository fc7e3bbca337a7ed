use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", timeout = "5sec")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
