use mirakuru_rstest::{Process, with_process};

#[with_process(redis())]
fn answers(server: &Process) {
    server.port();
}

fn main() {}
