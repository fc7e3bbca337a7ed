use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", ready_command = "test -n 'x")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
