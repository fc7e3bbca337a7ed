use mirakuru_rstest::{Process, with_process};

#[with_process(scope = "session", REDIS)]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
