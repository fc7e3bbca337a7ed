use mirakuru_rstest::{Process, with_process};

#[with_process(cmd = "server", colour = 1)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
