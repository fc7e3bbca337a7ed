use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", shell = "exec server")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
