use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", scope = "module")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
