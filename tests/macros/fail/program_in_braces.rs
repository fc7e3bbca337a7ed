use mirakuru_rstest::{Process, with_process};

#[with_process(shell = "exec server | awk '{print}'")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
