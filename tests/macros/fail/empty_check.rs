use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", ready_command = [])]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
