use mirakuru_rstest::{Process, with_process};

#[with_process(REDIS, tcp = "localhost:{port}", scope = "session")]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
